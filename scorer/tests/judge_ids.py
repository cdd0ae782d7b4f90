"""Judges published ids from outside: makes them of the population's own rows with hashlib and hmac, and compares what DuckDB reads
from the packages. Usage: judge_ids.py WORKSPACE POPULATION KEY_FILE"""

import collections
import hashlib
import hmac
import json
import pathlib
import re
import sys

import duckdb


def read_json(path):
    return json.loads(path.read_bytes())


def once(values):
    return list(dict.fromkeys(values))


def emails(values):
    trimmed = (value.strip().lower() for value in values or [] if value is not None)
    return once(value for value in trimmed if value)


def e164(text):
    """The number and whether there is one that is none, for the ways in which this population writes them."""
    if text is None:
        return None, False
    if not re.search(r"\d", text):
        return None, True
    digits = re.sub(r"\D", "", text)
    if text.startswith("+49"):
        return "+49" + digits[2:].removeprefix("0"), False
    return "+" + digits[2:] if digits.startswith("00") else "+49" + digits[1:], False


def package_of(workspace, audience):
    root = workspace / "audiences" / audience
    package = workspace / read_json(root / "latest.json")["folder"]
    return package, read_json(package / "manifest.json")


def rows_of(package, manifest, read, key):
    found = collections.defaultdict(list)
    for file in manifest["files"]:
        table = duckdb.sql(f"SELECT * FROM {read(package / file['path'])}")
        rows = [dict(zip(table.columns, row)) for row in table.fetchall()]
        assert len(rows) == file["rows"], file
        for row in rows:
            found[file["tier"], file["holdout"], row[key]].append(row)
    return found


def main(workspace, population, key_file):
    workspace = pathlib.Path(workspace)
    secret = pathlib.Path(key_file).read_bytes().removesuffix(b"\n")
    keyed = lambda text: hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    hashed = lambda text: text and hashlib.sha256(text.encode()).hexdigest()
    table = duckdb.sql(f"SELECT customer_id, phone, emails FROM read_parquet('{population}/*.parquet')").fetchall()
    people = {key: (e164(phone), emails(mails)) for key, phone, mails in table}

    package, manifest = package_of(workspace, "lists")
    lists = rows_of(package, manifest, lambda path: f"read_parquet('{path}', hive_partitioning = false)", "customer_id")
    selected = {key for _, _, key in lists}
    assert len(selected) == len(lists) == manifest["selected"]
    for (_, _, key), [row] in lists.items():
        assert row["emails"] == (people[key][1] or None), key
    assert manifest["missing_ids"]["emails"] == sum(not people[key][1] for key in selected)
    where = {key: (tier, held) for tier, held, key in lists}

    package, manifest = package_of(workspace, "partner")
    read = lambda path: f"read_json('{path}', format = 'newline_delimited', hive_partitioning = false)"
    partner = rows_of(package, manifest, read, "hmac_sha256_customer_id")
    expected = {(*where[key], keyed(key)): people[key] for key in selected}
    assert set(partner) == set(expected)
    for person, [row] in partner.items():
        (phone, _), mails = expected[person]
        assert row["partner_ids"] == ([keyed(mail) for mail in mails] or None), person
        assert row["phone"] == phone, (row, phone)
    assert manifest["missing_ids"]["phone"] == sum(people[key][0][0] is None for key in selected)
    assert manifest["invalid_ids"] == {"phone": sum(people[key][0][1] for key in selected)}
    key_id = hashlib.sha256(hmac.new(secret, b"kindred key id", hashlib.sha256).digest()).hexdigest()[:8]
    assert manifest["id_keys"] == {"partner_ids": key_id, "hmac_sha256_customer_id": key_id}

    package, manifest = package_of(workspace, "search")
    read = lambda path: f"read_csv('{path}', all_varchar = true, hive_partitioning = false)"
    search = rows_of(package, manifest, read, "customer_id")
    assert {key: (tier, held) for tier, held, key in search} == where
    rows = collections.Counter()
    for (tier, held, key), found in search.items():
        (phone, _), mails = people[key]
        assert [row["hashed_email"] for row in found] == ([hashed(mail) for mail in mails] or [None]), key
        assert {row["hashed_phone"] for row in found} == {hashed(phone and phone[1:])}, key
        rows[tier, "holdout" if held else "people"] += len(found)
    assert {tier: dict(of) for tier, of in manifest["rows"].items()} == {
        tier: {part: rows[tier, part] for part in ("people", "holdout")} for tier in manifest["tiers"]
    }
    assert manifest["missing_ids"]["hashed_email"] == sum(not people[key][1] for key in selected)
    print(f"judged {len(selected)} people in each of 3 audiences")


main(*sys.argv[1:])
