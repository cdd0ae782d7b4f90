"""Writes a population of 40 columns: an integer key, 13 numbers, 26 categories (13 of strings, 13 of integers; Zipf over
`--vocabulary` ids each), nulls in all but the key. Columns, names and ranges are those of benches/generate.py, whose
table has labels beside them; this one is made for size and speed.

    python3 benches/scale/generate.py FOLDER --rows 20000000 [--vocabulary 10000] [--files 16] [--seed 7]

The same arguments give the same bytes. Beside it, in FOLDER/excluded, every fiftieth key.
"""

import argparse
import concurrent.futures
import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CATEGORICAL = 26
NUMERIC = 13
ROW_GROUP_ROWS = 131_072
NULL_SHARE = 0.03
EXCLUDED_EVERY = 50


def categories(rng: np.random.Generator, index: int, rows: int, names: list[pa.Array | None]) -> pa.Array:
    """Zipf: the inverse of the continuous distribution whose frequency falls as 1/rank."""
    vocabulary = len(names[0])
    ids = np.exp(rng.random(rows, dtype=np.float32) * np.log(vocabulary + 1)).astype(np.int32) - 1
    np.clip(ids, 0, vocabulary - 1, out=ids)
    missing = rng.random(rows, dtype=np.float32) < NULL_SHARE
    if names[index] is not None:
        return pa.DictionaryArray.from_arrays(pa.array(ids, mask=missing), names[index])
    return pa.array(ids.astype(np.int64) * 7 + 11, mask=missing)


def row_group(rng: np.random.Generator, first_key: int, rows: int, names: list[pa.Array | None]) -> pa.RecordBatch:
    columns: dict[str, pa.Array] = {"user_id": pa.array(np.arange(first_key, first_key + rows))}
    for index in range(NUMERIC):
        values = rng.standard_normal(rows, dtype=np.float32) * (index + 1)
        columns[f"n{index:02}"] = pa.array(values, mask=rng.random(rows, dtype=np.float32) < NULL_SHARE)
    for index in range(CATEGORICAL):
        columns[f"c{index:02}"] = categories(rng, index, rows, names)
    return pa.RecordBatch.from_pydict(columns)


def write_file(folder: pathlib.Path, file: int, first_key: int, rows: int, vocabulary: int, seed: int) -> None:
    names = [pa.array([f"v{index:02}-{value:06x}" for value in range(vocabulary)]) if index % 2 == 0 else None
             for index in range(CATEGORICAL)]
    writer = None
    for first in range(0, rows, ROW_GROUP_ROWS):
        rng = np.random.default_rng([seed, file, first])
        group = row_group(rng, first_key + first, min(ROW_GROUP_ROWS, rows - first), names)
        if writer is None:
            writer = pq.ParquetWriter(folder / f"part-{file:03}.parquet", group.schema, compression="snappy",
                                      store_schema=False)
        writer.write_batch(group, row_group_size=ROW_GROUP_ROWS)
    if writer is not None:
        writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    population, excluded = arguments.folder / "population", arguments.folder / "excluded"
    population.mkdir(parents=True)
    excluded.mkdir()
    bounds = [arguments.rows * file // arguments.files for file in range(arguments.files + 1)]
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        files = [pool.submit(write_file, population, file, first, last - first, arguments.vocabulary, arguments.seed)
                 for file, (first, last) in enumerate(zip(bounds, bounds[1:]))]
        for written in files:
            written.result()
    keys = pa.table({"user_id": np.arange(0, arguments.rows, EXCLUDED_EVERY)})
    pq.write_table(keys, excluded / "part-000.parquet")


if __name__ == "__main__":
    main()
