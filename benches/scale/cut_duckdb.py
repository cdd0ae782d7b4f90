"""Cuts and writes an audience with DuckDB from Kindred's own score files, and prints {"rows", "seconds", "lowest", …} as JSON.

    python3 benches/scale/cut_duckdb.py SCORES.json WORKSPACE EXCLUDED OUTPUT --top 1000000 --threads 2

The same job as Kindred's publishing: excluded keys out, the highest `--top` of the rest by rank, three tiers by share, a
tenth of each held out by a salted hash, SHA-256 of the key, Parquet with zstd, a folder for each tier and holdout.
"""

import argparse
import json
import pathlib
import time

import duckdb

TIERS = "CASE WHEN place <= {top} * 0.2 THEN 'high' WHEN place <= {top} * 0.5 THEN 'mid' ELSE 'low' END"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=pathlib.Path)
    parser.add_argument("workspace", type=pathlib.Path)
    parser.add_argument("excluded")
    parser.add_argument("output")
    parser.add_argument("--top", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    named = json.loads(arguments.scores.read_text())["files"]
    files = [str(arguments.workspace / file["key"]) for file in named]
    connection = duckdb.connect()
    connection.execute(f"SET threads = {arguments.threads}")
    started = time.perf_counter()
    connection.execute(f"""
        CREATE TEMP TABLE chosen AS
        SELECT user_id, "rank:likely" AS score FROM read_parquet({files!r})
        WHERE user_id NOT IN (SELECT user_id FROM read_parquet('{arguments.excluded}/*.parquet'))
        ORDER BY score DESC LIMIT {arguments.top}""")
    connection.execute(f"""
        COPY (SELECT sha256(user_id::VARCHAR) AS sha256_user_id, score, {TIERS.format(top=arguments.top)} AS tier,
                     hash(user_id::VARCHAR || 'spring') % 10 = 0 AS holdout
              FROM (SELECT *, row_number() OVER (ORDER BY score DESC) AS place FROM chosen))
        TO '{arguments.output}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (tier, holdout))""")
    seconds = time.perf_counter() - started
    rows, lowest = connection.execute("SELECT count(*), min(score) FROM chosen").fetchone()
    total = sum(file["rows"] for file in named)
    print(json.dumps({"rows": total, "seconds": seconds, "selected": rows, "lowest": lowest}))


if __name__ == "__main__":
    main()
