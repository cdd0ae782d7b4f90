"""Writes the table that the benches read: 26 categorical columns (13 strings, 13 integers; Zipf over `--vocabulary`
ids each), 13 numeric columns, nulls in both, two binary labels that depend on the features, an integer key, a part.

    python3 benches/generate.py FOLDER --rows 1000000 [--vocabulary 100000] [--files 4] [--seed 7]

The same arguments give the same bytes. A folder that is complete is left alone.
"""

import argparse
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CATEGORICAL = 26
NUMERIC = 13
ROW_GROUP_ROWS = 65_536
NULL_SHARE = 0.03


def zipf_ids(rng: np.random.Generator, rows: int, vocabulary: int) -> np.ndarray:
    """Ids 0..vocabulary, the frequency falling about as 1/rank: the inverse of the continuous distribution."""
    return np.minimum((np.exp(rng.random(rows) * np.log(vocabulary + 1)) - 1).astype(np.int64), vocabulary - 1)


def batch(rng: np.random.Generator, first_key: int, rows: int, vocabulary: int) -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {"user_id": pa.array(np.arange(first_key, first_key + rows))}
    signal = np.zeros(rows)
    for index in range(NUMERIC):
        values = rng.standard_normal(rows).astype(np.float32) * (index + 1)
        missing = rng.random(rows) < NULL_SHARE
        signal += np.where(missing, 0.0, np.sin(values / (index + 1) * 1.5)) * 0.3
        columns[f"n{index:02}"] = pa.array(values, mask=missing)
    for index in range(CATEGORICAL):
        ids = zipf_ids(rng, rows, vocabulary)
        missing = rng.random(rows) < NULL_SHARE
        signal += np.where(missing, 0.0, ((ids * 2654435761 + index * 97) % 1000) / 1000 - 0.5) * 0.5
        if index % 2 == 0:
            names = pa.array([f"v{index:02}-{value:06x}" for value in range(vocabulary)])
            columns[f"c{index:02}"] = pa.DictionaryArray.from_arrays(
                pa.array(ids.astype(np.int32), mask=missing), names).cast(pa.string())
        else:
            columns[f"c{index:02}"] = pa.array(ids * 7 + 11, mask=missing)
    for name, shift in (("bought", -1.2), ("left", -2.0)):
        probability = 1 / (1 + np.exp(-(signal + shift)))
        columns[name] = pa.array((rng.random(rows) < probability).astype(np.int8))
    draw = rng.random(rows)
    columns["part"] = pa.array(np.where(draw < 0.96, "train", np.where(draw < 0.98, "validation", "test")))
    return pa.RecordBatch.from_pydict(columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--vocabulary", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    wanted = {name: value for name, value in vars(arguments).items() if name != "folder"}
    done = arguments.folder / "_generated.json"
    if done.exists() and json.loads(done.read_text()) == wanted:
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for old in arguments.folder.glob("part-*.parquet"):
        old.unlink()
    key = 0
    for file in range(arguments.files):
        rows = arguments.rows // arguments.files + (file < arguments.rows % arguments.files)
        writer = None
        for first in range(0, rows, ROW_GROUP_ROWS):
            count = min(ROW_GROUP_ROWS, rows - first)
            rng = np.random.default_rng([arguments.seed, file, first])
            group = batch(rng, key, count, arguments.vocabulary)
            if writer is None:
                writer = pq.ParquetWriter(
                    arguments.folder / f"part-{file:03}.parquet", group.schema, compression="zstd", compression_level=1)
            writer.write_batch(group, row_group_size=ROW_GROUP_ROWS)
            key += count
        if writer is not None:
            writer.close()
    done.write_text(json.dumps(wanted))


if __name__ == "__main__":
    main()
