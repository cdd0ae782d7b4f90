"""Parquet to arrays with pyarrow: what a careful Python user writes.

String columns come out of the file dictionary-encoded, so that a vocabulary is asked once per dictionary entry and not
once per row; a thread decodes the next batches while torch works (pyarrow and torch release the GIL).
"""

import glob
import queue
import threading

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CATEGORICAL = [f"c{index:02}" for index in range(26)]
NUMERIC = [f"n{index:02}" for index in range(13)]
LABELS = ["bought", "left"]
STRINGS = CATEGORICAL[0::2]


def files(folder: str) -> list[str]:
    return sorted(glob.glob(f"{folder}/part-*.parquet"))


class Encoder:
    """Vocabularies (id 0 null, id 1 unknown) with offsets into one merged table, means and deviations."""

    def __init__(self, folder: str) -> None:
        self.offsets, self.sets = [], []
        rows = 0
        for name in CATEGORICAL:
            column = pq.ParquetDataset(files(folder)).read([name]).column(0)
            counts = pc.value_counts(column.drop_null())
            values = counts.field("values").filter(pc.greater_equal(counts.field("counts"), 2))
            self.sets.append(values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)
            self.offsets.append(rows)
            rows += len(values) + 2
        self.rows = rows
        self.offsets = np.array(self.offsets, dtype=np.int64)
        numeric = pq.ParquetDataset(files(folder)).read(NUMERIC)
        self.means = np.array([pc.mean(column).as_py() for column in numeric.columns], dtype=np.float32)
        self.deviations = np.array([pc.stddev(column).as_py() for column in numeric.columns], dtype=np.float32)
        # Integers: a dense table from value to id.
        self.dense = {}
        for index, name in enumerate(CATEGORICAL):
            if name not in STRINGS:
                values = self.sets[index].to_numpy(zero_copy_only=False)
                table = np.ones(int(values.max()) + 2, dtype=np.int64)
                table[values] = np.arange(len(values)) + 2
                self.dense[index] = table

    def encode(self, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
        """ids [rows, 26] int64 and numbers [rows, 13] float32"""
        ids = np.empty((batch.num_rows, len(CATEGORICAL)), dtype=np.int64)
        for index, name in enumerate(CATEGORICAL):
            column = batch.column(name)
            if index in self.dense:
                table = self.dense[index]
                values = column.fill_null(0).to_numpy(zero_copy_only=False)
                found = table[np.clip(values, 0, len(table) - 1)]
                if column.null_count:
                    found = np.where(column.is_null().to_numpy(zero_copy_only=False), 0, found)
            else:
                entries = pc.fill_null(pc.index_in(column.dictionary, value_set=self.sets[index]), -1)
                entries = entries.to_numpy(zero_copy_only=False).astype(np.int64) + 2
                codes = column.indices.fill_null(len(entries)).to_numpy(zero_copy_only=False)
                found = np.append(np.maximum(entries, 1), 0)[codes]
            ids[:, index] = found + self.offsets[index]
        numeric = np.empty((batch.num_rows, len(NUMERIC)), dtype=np.float32)
        for index, name in enumerate(NUMERIC):
            column = batch.column(name)
            values = column.to_numpy(zero_copy_only=False)
            numeric[:, index] = (values - self.means[index]) / self.deviations[index]
        np.nan_to_num(numeric, copy=False)
        return ids, numeric


def batches(folder: str, encoder: Encoder, size: int, labels: bool):
    """(ids, numeric, labels or keys) of `size` rows each; only training rows where labels are asked for."""
    columns = CATEGORICAL + NUMERIC + (LABELS + ["part"] if labels else ["user_id"])
    for path in files(folder):
        file = pq.ParquetFile(path, read_dictionary=STRINGS, pre_buffer=True)
        for group in file.iter_batches(batch_size=65_536, columns=columns):
            if labels:
                group = group.filter(pc.equal(group.column("part"), "train"))
            ids, numeric = encoder.encode(group)
            if labels:
                rest = np.stack([group.column(name).to_numpy(zero_copy_only=False) for name in LABELS], 1)
                rest = rest.astype(np.float32)
            else:
                rest = group.column("user_id").to_numpy()
            for first in range(0, len(ids), size):
                yield ids[first:first + size], numeric[first:first + size], rest[first:first + size]


def prefetched(iterator, depth: int = 8):
    """The same items, produced on another thread."""
    ready: queue.Queue = queue.Queue(depth)
    end = object()

    def produce() -> None:
        for item in iterator:
            ready.put(item)
        ready.put(end)

    threading.Thread(target=produce, daemon=True).start()
    while (item := ready.get()) is not end:
        yield item
