"""A published scoring run, read and worked out again without Kindred: DuckDB over the files, hashes written here.

    published_oracle.py WORKSPACE PEOPLE        (the workspace of the test `published`, and its table of people)

Who is eligible, in which tier, held out, and by which id is said by the SQL and the arithmetic below, from the raw table and
the score table alone. What differs from what is published ends the program.
"""

import glob
import hashlib
import json
import math
import os
import sys
from fractions import Fraction

import duckdb

MASK = (1 << 64) - 1

# The test's document, said once more in DuckDB's SQL: over `people` and `scores`, by person.
BEST, BLOCKED = "person IN (SELECT person FROM people WHERE spend > 150)", "person % 17 = 3"
SHA = "sha256(CAST(person AS VARCHAR))"
EMAIL = "lower(trim(email))"
AUDIENCES = {
    "likely-buyers": {
        "rank": "CAST(scored_repurchase AS DOUBLE) * CAST(scored_spend AS DOUBLE)",
        "steps": [("where", "NOT coalesce(age >= 21 AND city IS NOT NULL, false)"),
                  ("exclude best", BEST), ("exclude blocked", BLOCKED)],
        "size": {"top": 1000}, "tiers": [("high", "0.2"), ("mid", "0.3"), ("low", None)], "holdout": ("0.1", "spring"),
        "ids": {"hashed_email": f"sha256({EMAIL})", "person": "CAST(person AS VARCHAR)"},
    },
    "by-income": {
        "rank": "income", "steps": [("exclude blocked", BLOCKED)],
        "size": {"share": "0.3"}, "tiers": [("first", "0.145"), ("second", None)], "holdout": ("0.25", "autumn"),
        "ids": {"sha256_person": SHA},
    },
    "grown-up": {
        "rank": "CAST(age AS DOUBLE)", "steps": [],
        "size": {"threshold": 40}, "tiers": [("all", None)], "holdout": ("0.1", "spring"),
        "ids": {"email": f"md5({EMAIL})", "place": "sha256(nullif(lower(trim(city)), ''))", "sha256_person": SHA},
    },
    "nobody-held-out": {
        "rank": "-CAST(scored_best AS DOUBLE)", "steps": [("where", "NOT coalesce(channel = 2, false)")],
        "size": {"top": 100000}, "tiers": [("all", None)], "holdout": None, "ids": {"sha256_person": SHA},
    },
}

# --- XXH3 of short texts (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), which is all that keys and salts are here.

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248e"
    "e03590e6813a264c")
MIX = 0x9FB21C651E98DF25


def word(data, at, size=8):
    return int.from_bytes(data[at:at + size], "little")


def avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & MASK
    return h ^ h >> 32


def swapped(n, size):
    return int.from_bytes(n.to_bytes(size, "little"), "big")


def xxh3_64(data):
    """Of 9 to 16 bytes, or 4 to 8, with seed 0."""
    size = len(data)
    if 4 <= size <= 8:
        keyed = (word(data, size - 4, 4) + (word(data, 0, 4) << 32)) ^ word(SECRET, 8) ^ word(SECRET, 16)
        rotated = lambda by: (keyed << by | keyed >> 64 - by) & MASK
        h = (keyed ^ rotated(49) ^ rotated(24)) * MIX & MASK
        h = (h ^ (h >> 35) + size) * MIX & MASK
        return h ^ h >> 28
    assert 9 <= size <= 16, data
    low = word(data, 0) ^ word(SECRET, 24) ^ word(SECRET, 32)
    high = word(data, size - 8) ^ word(SECRET, 40) ^ word(SECRET, 48)
    product = low * high
    return avalanche((size + swapped(low, 8) + high + ((product & MASK) ^ product >> 64)) & MASK)


def xxh3_128(data, seed):
    """Of 4 to 8 bytes."""
    size = len(data)
    assert 4 <= size <= 8, data
    seed ^= swapped(seed & 0xFFFFFFFF, 4) << 32
    flip = ((word(SECRET, 16) ^ word(SECRET, 24)) + seed) & MASK
    keyed = (word(data, 0, 4) + (word(data, size - 4, 4) << 32)) ^ flip
    product = keyed * ((0x9E3779B185EBCA87 + (size << 2)) & MASK)
    low, high = product & MASK, product >> 64
    high = (high + (low << 1)) & MASK
    low ^= high >> 3
    low = (low ^ low >> 35) * MIX & MASK
    return avalanche(high) << 64 | low ^ low >> 28


def key_hash(person, purpose, salt=""):
    return xxh3_128(str(person).encode(), xxh3_64(f"{purpose}\0{salt}".encode()))


# --- What ought to be published.


def half_up(share, of):
    return math.floor(Fraction(share) * of + Fraction(1, 2))


def cut(ranked, size):
    if "top" in size:
        return ranked[:size["top"]]
    if "share" in size:
        return ranked[:half_up(size["share"], len(ranked))]
    return [one for one in ranked if one[1] >= size["threshold"]]


def expected(connection, audience):
    """{(tier, held out): {person: rank}} and the waterfall."""
    left, waterfall = "SELECT * FROM everybody", []
    for step, leaves in audience["steps"]:
        removed, stay = connection.sql(
            f"SELECT count(*) FILTER (WHERE {leaves}), count(*) FILTER (WHERE NOT ({leaves})) FROM ({left})").fetchone()
        waterfall.append({"step": step, "removed": removed, "left": stay})
        left = f"SELECT * FROM ({left}) WHERE NOT ({leaves})"
    rows = connection.sql(f"SELECT person, {audience['rank']} AS rank FROM ({left})").fetchall()
    ranked = [(person, rank) for person, rank in rows if rank is not None and not math.isnan(rank)]
    waterfall.append({"step": "no score", "removed": len(rows) - len(ranked), "left": len(ranked)})
    ranked.sort(key=lambda one: (one[1], key_hash(one[0], "tie")), reverse=True)
    selected = cut(ranked, audience["size"])
    parts, start, shares = {}, 0, Fraction(0)
    for tier, share in audience["tiers"]:
        shares += Fraction(share or 0)
        end = half_up(shares, len(selected)) if share else len(selected)
        people, start = selected[start:end], end
        if audience["holdout"]:
            share, salt = audience["holdout"]
            drawn = sorted(people, key=lambda one: key_hash(one[0], "holdout", salt))[:half_up(share, len(people))]
        else:
            drawn = []
        parts[tier, True] = dict(drawn)
        parts[tier, False] = {person: rank for person, rank in people if person not in parts[tier, True]}
    return parts, waterfall, len(ranked), len(selected)


# --- What is published.


def package(workspace, name):
    with open(f"{workspace}/audiences/{name}/latest.json", "rb") as pointer:
        pointer = json.load(pointer)
    folder = f"{workspace}/{pointer['folder']}".rstrip("/")
    text = open(f"{folder}/manifest.json", "rb").read()
    digest = hashlib.sha256(text).hexdigest()
    assert digest == pointer["manifest"] == open(f"{folder}/_SUCCESS").read().strip(), (name, "manifest")
    manifest = json.loads(text)
    sealed = text.replace(manifest["seal"].encode(), b"0" * 64, 1)
    assert hashlib.sha256(sealed).hexdigest() == manifest["seal"], (name, "seal")
    there = {os.path.relpath(path, folder) for path in glob.glob(f"{folder}/**/part-*", recursive=True)}
    assert there == {file["path"] for file in manifest["files"]}, (name, "files that the manifest does not name")
    return folder, manifest


def published(connection, folder, manifest):
    """{(tier, held out): rows as dicts}, file after file, each checked against the manifest."""
    parts = {}
    for file in manifest["files"]:
        path = f"{folder}/{file['path']}"
        bytes_of = open(path, "rb").read()
        assert (len(bytes_of), hashlib.sha256(bytes_of).hexdigest()) == (file["bytes"], file["sha256"]), path
        reader = "read_csv(?, header = true, all_varchar = true, hive_partitioning = false)" if ".csv" in path else (
            "read_parquet(?, hive_partitioning = false)")
        found = connection.execute(f"SELECT * FROM {reader}", [path])
        columns = [column[0] for column in found.description]
        rows = [dict(zip(columns, row)) for row in found.fetchall()]
        assert len(rows) == file["rows"], path
        assert f"tier={file['tier']}/" in file["path"] and file["path"].startswith("holdout/") == file["holdout"], path
        most = manifest["definition"]["format"]["rows_per_file"]
        assert 0 < len(rows) <= most, path
        parts.setdefault((file["tier"], file["holdout"]), []).extend(rows)
    return parts


def compare_rows(connection, name, audience, wanted, found):
    """The same people in the population's order, each with the ids and score that are theirs."""
    ids = ", ".join(f"{sql} AS \"{column}\"" for column, sql in audience["ids"].items())
    everybody = connection.sql(f"SELECT person AS key, {ids} FROM everybody ORDER BY row_of_population").fetchall()
    columns = list(audience["ids"])
    for part in wanted:
        right = [(list(map(text, row[1:])), wanted[part][row[0]]) for row in everybody if row[0] in wanted[part]]
        rows = found.pop(part, [])
        assert all(list(row) == columns + ["score"] for row in rows), (name, part, rows[:1])
        said = [([text(row[column]) for column in columns], float(row["score"])) for row in rows]
        assert [ids for ids, _ in said] == [ids for ids, _ in right], (name, part, said[:3], right[:3])
        for (_, rank), (_, score) in zip(right, said):
            assert math.isclose(rank, score, rel_tol=1e-12), (name, part, rank, score)
    assert not found, (name, "tiers that should not be", list(found))


def text(value):
    return None if value is None or value == "" else str(value)


def compare_manifest(connection, audience, wanted, manifest):
    parts, waterfall, eligible, selected = wanted
    total = connection.sql("SELECT count(*) FROM everybody").fetchone()[0]
    assert manifest["waterfall"] == waterfall, (manifest["waterfall"], waterfall)
    assert (manifest["population"], manifest["eligible"], manifest["selected"]) == (total, eligible, selected)
    removed = sum(step["removed"] for step in waterfall)
    assert total == removed + eligible and eligible >= selected == sum(map(len, parts.values()))
    assert list(manifest["tiers"]) == [tier for tier, _ in audience["tiers"]]
    lowest = math.inf
    for tier, said in manifest["tiers"].items():
        ranks = [*parts[tier, False].values(), *parts[tier, True].values()]
        assert (said["people"], said["holdout"]) == (len(parts[tier, False]), len(parts[tier, True])), (tier, said)
        assert math.isclose(said["highest"], max(ranks)) and math.isclose(said["lowest"], min(ranks)), (tier, said)
        assert said["highest"] <= lowest, "tiers are cut from the top down"
        lowest = said["lowest"]
    for column, sql in audience["ids"].items():
        people = ", ".join(str(person) for part in parts.values() for person in part)
        missing = connection.sql(f"SELECT count(*) FROM everybody WHERE person IN ({people}) AND {sql} IS NULL").fetchone()[0]
        assert manifest["missing_ids"][column] == missing, (column, manifest["missing_ids"], missing)


def check_exclusive(connection, name, folder, manifest):
    """By DuckDB alone: nobody is in two files, and nobody stays behind who ranks above somebody taken."""
    ends = {file["path"].split(".", 1)[1] for file in manifest["files"]}
    assert len(ends) == 1, ends
    reader = "read_csv" if "csv" in ends.pop() else "read_parquet"
    paths = [f"{folder}/{file['path']}" for file in manifest["files"]]
    key = "person" if "person" in manifest["missing_ids"] else "sha256_person"
    twice, rows, people = connection.execute(
        f"SELECT count(*) - count(DISTINCT {key}), count(*), count(DISTINCT {key}) FROM {reader}(?)", [paths]).fetchone()
    assert (twice, rows, people) == (0, manifest["selected"], manifest["selected"]), (name, twice, rows, people)
    rank = f'"rank:{name}"'
    lowest, eligible = connection.execute(
        f"SELECT (SELECT min(score) FROM {reader}(?)), (SELECT count({rank}) FROM scores)", [paths]).fetchone()
    above = connection.sql(f"SELECT count(*) FROM scores WHERE {rank} > {lowest!r}").fetchone()[0]
    reached = connection.sql(f"SELECT count(*) FROM scores WHERE {rank} >= {lowest!r}").fetchone()[0]
    assert eligible == manifest["eligible"] and above < manifest["selected"] <= reached, (name, above, reached)
    top = connection.execute(
        f"SELECT list(score ORDER BY score DESC) = (SELECT list({rank}) FROM (SELECT {rank} FROM scores WHERE {rank} IS NOT NULL "
        f"ORDER BY {rank} DESC LIMIT {manifest['selected']})) FROM {reader}(?)", [paths]).fetchone()[0]
    assert top, (name, "the scores are not those of ORDER BY … LIMIT")


def check_profile(connection, folder, manifest, parts):
    """The TGI of every told value, where the package has a profile: share of the group over share of the population."""
    if not os.path.exists(f"{folder}/profile.json"):
        return 0
    profile = json.load(open(f"{folder}/profile.json"))
    connection.execute("CREATE OR REPLACE TEMP TABLE taken (person BIGINT, tier VARCHAR)")
    connection.executemany("INSERT INTO taken VALUES (?, ?)",
                           [(person, tier) for (tier, _), people in parts.items() for person in people])
    total, checked = manifest["population"], 0
    for column in profile["columns"]:
        name = column["column"]
        is_text = connection.sql(f'SELECT typeof("{name}") FROM people LIMIT 1').fetchone()[0] == "VARCHAR"
        for value in column["values"]:
            groups = [("true", manifest["selected"], value["audience"])]
            groups += [(f"tier = '{tier}'", sum(len(part) for (of, _), part in parts.items() if of == tier), index)
                       for tier, index in value["tiers"].items()]
            for group, people, index in groups:
                if value["kind"] == "missing" or (is_text and value["kind"] == "value"):
                    has = f'"{name}" IS NULL' if value["kind"] == "missing" else f'"{name}" = $value'
                    of = {"value": value["value"]} if "$" in has else {}
                    found = connection.execute(f"SELECT count(*) FROM taken JOIN people USING (person) WHERE {group} AND {has}", of)
                    assert found.fetchone()[0] == index["people"], (name, value, group)
                    everybody = connection.execute(f"SELECT count(*) FROM people WHERE {has}", of).fetchone()[0]
                    assert everybody == value["population"], (name, value)
                tgi = 100 * (index["people"] / people) / (value["population"] / total)
                assert math.isclose(index["tgi"], tgi, rel_tol=1e-9, abs_tol=1e-9), (name, value, group, tgi)
                assert index["low"] <= index["tgi"] <= index["high"], (name, value, group)
                checked += 1
    assert checked > 0, "a profile tells something"
    return checked


def main(workspace, people):
    assert xxh3_64(b"holdout\0spring") != xxh3_64(b"holdout\0autumn")
    connection = duckdb.connect()
    (listed,) = glob.glob(f"{workspace}/runs/nightly-*/scores.json")
    files = [f"{workspace}/{file['key']}" for file in json.load(open(listed))["files"]]
    assert len(files) > 3, "several shards"
    connection.execute("CREATE TABLE scores AS SELECT * FROM read_parquet(?)", [files])
    connection.execute("CREATE TABLE people AS SELECT * FROM read_parquet(?, filename = true, file_row_number = true)",
                       [sorted(glob.glob(f"{people}/*.parquet"))])
    connection.execute(
        "CREATE TABLE everybody AS SELECT people.*, row_number() OVER (ORDER BY filename, file_row_number) AS row_of_population, "
        "scores.repurchase AS scored_repurchase, scores.spend AS scored_spend, scores.best AS scored_best "
        "FROM people JOIN scores USING (person)")
    counts = connection.sql("SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM scores), count(*) FROM everybody")
    assert len(set(counts.fetchone())) == 1, counts
    for name, audience in AUDIENCES.items():
        folder, manifest = package(workspace, name)
        wanted = expected(connection, audience)
        compare_manifest(connection, audience, wanted, manifest)
        found = published(connection, folder, manifest)
        compare_rows(connection, name, audience, wanted[0], found)
        check_exclusive(connection, name, folder, manifest)
        indices = check_profile(connection, folder, manifest, wanted[0])
        held_out = sum(len(part) for (_, is_held_out), part in wanted[0].items() if is_held_out)
        print(f"{name}: {manifest['selected']} people, {held_out} held out, {len(manifest['files'])} files, {indices} indices")
    assert set(os.listdir(f"{workspace}/audiences")) == set(AUDIENCES)


main(*sys.argv[1:])
