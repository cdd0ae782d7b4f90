"""Judges a published audience from outside: reads the score table and the package with pyarrow and DuckDB, works out with a
plain sort who should be where, and compares. Usage: judge.py WORKSPACE RUN AUDIENCE"""

import hashlib
import json
import pathlib
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash


def key_hash(purpose, salt, key):
    seed = xxhash.xxh3_64_intdigest(f"{purpose}\0{salt}".encode())
    return xxhash.xxh3_128_intdigest(key.encode(), seed=seed)


def read_json(path):
    return json.loads(path.read_bytes())


def half_up(share, of):
    return int(share * of + 0.5)


def expected_people(scores, audience, definition):
    rows = [(key, rank) for key, rank in zip(*(scores[name].to_pylist() for name in scores.column_names)) if rank is not None]
    order = sorted(rows, key=lambda row: (row[1], key_hash("tie", "", row[0])), reverse=True)
    people = order[: definition["size"]["top"]]
    expected, start, so_far = {}, 0, 0.0
    for tier, cut in definition["tiers"].items():
        so_far = 1.0 if cut == "rest" else so_far + cut
        end = half_up(so_far, len(people))
        members, start = people[start:end], end
        holdout = definition["holdout"]
        members = sorted(members, key=lambda row: key_hash("holdout", holdout["salt"], row[0]))
        held = half_up(holdout["share"], len(members))
        expected[tier, True], expected[tier, False] = members[:held], members[held:]
    return expected


def main(workspace, run, audience):
    workspace = pathlib.Path(workspace)
    manifest_of_scores = read_json(workspace / "runs" / run / "scores.json")
    columns = [manifest_of_scores["key"], f"rank:{audience}"]
    tables = [pq.read_table(workspace / file["key"], columns=columns) for file in manifest_of_scores["files"]]
    scores = pa.concat_tables(tables)
    assert scores.num_rows == manifest_of_scores["rows"]

    root = workspace / "audiences" / audience
    pointers = sorted((root / "pointers").iterdir())
    assert (root / "latest.json").read_bytes() == pointers[-1].read_bytes()
    package = workspace / read_json(pointers[-1])["folder"]
    manifest_bytes = (package / "manifest.json").read_bytes()
    assert (package / "_SUCCESS").read_text().strip() == hashlib.sha256(manifest_bytes).hexdigest()
    manifest = read_json(package / "manifest.json")

    named = {file["path"]: file for file in manifest["files"]}
    there = {str(path.relative_to(package)) for path in package.rglob("part-*")}
    assert there == set(named), there ^ set(named)
    for path, file in named.items():
        data = (package / path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"]), path

    hashed = lambda key: hashlib.sha256(key.encode()).hexdigest()
    for (tier, held), people in expected_people(scores, audience, manifest["definition"]).items():
        folder = package / ("holdout" if held else ".") / f"tier={tier}"
        read = f"read_parquet('{folder}/part-*.parquet', hive_partitioning = false)"
        found = duckdb.sql(f"SELECT sha256_{manifest_of_scores['key']}, score FROM {read}").fetchall() if people else []
        assert sorted(found) == sorted((hashed(key), rank) for key, rank in people), (tier, held)
        assert len(found) == manifest["tiers"][tier]["holdout" if held else "people"]
    print(f"judged {manifest['selected']} people of {scores.num_rows}")


main(*sys.argv[1:])
