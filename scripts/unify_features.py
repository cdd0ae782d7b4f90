#!/usr/bin/env python3
"""Writes features/Cargo.toml: one set of features for every dependency, whatever part of the workspace is built.

Cargo unifies features over the packages it builds, so `cargo build -p kindred-spec` and `cargo build --workspace` would
compile Arrow, Tokio and others twice with different features. Every crate of the workspace depends on
`kindred-features`, which asks for the union. Run this after a change of dependencies; with --check it only says whether
that is needed.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys

CLONE = pathlib.Path(__file__).resolve().parent.parent
MANIFEST = CLONE / "features" / "Cargo.toml"
HEAD = """\
# Written by scripts/unify_features.py.
[package]
name = "kindred-features"
description = "The union of all dependencies' features, so that every build shares them"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lib]
test = false
doctest = false
"""


def units(*arguments: str) -> dict:
    """(package id, is for the build host) -> the feature sets it is built with as a library."""
    # The unit graph is an unstable output of a stable cargo; nothing is compiled with this variable.
    environment = {**os.environ, "RUSTC_BOOTSTRAP": "1"}
    # With a target named, what is built for the build host (build scripts, macros) is told apart from the rest.
    command = ["cargo", "-Zunstable-options", "build", "--unit-graph", "--target", host_triple(), *arguments]
    graph = json.loads(subprocess.check_output(command, env=environment, cwd=CLONE))
    found = collections.defaultdict(set)
    for unit in graph["units"]:
        if "lib" in unit["target"]["kind"] and "registry" in unit["pkg_id"]:
            found[unit["pkg_id"], unit["platform"] is None].add(tuple(unit["features"]))
    return found


def host_triple() -> str:
    version = subprocess.check_output(["rustc", "-vV"], text=True)
    return next(line.split(": ")[1] for line in version.splitlines() if line.startswith("host: "))


def members() -> list[str]:
    metadata = subprocess.check_output(["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=CLONE)
    return [package["name"] for package in json.loads(metadata)["packages"] if package["name"] != "kindred-features"]


def differing(whole: dict) -> set:
    found = set()
    for member in members():
        for extra in ([], ["--all-targets"]):
            parts = units("-p", member, *extra)
            found |= {key for key, features in parts.items() if not features <= whole[key]}
    return found


def table(title: str, keys: list, whole: dict) -> str:
    lines = [f"\n[{title}]"]
    for package, is_host in keys:
        name, version = package.rsplit("#", 1)[1].split("@")
        alias = f"{name}-{version.split('+')[0].replace('.', '_')}"
        features = sorted({feature for features in whole[package, is_host] for feature in features})
        lines.append(f'{alias} = {{ package = "{name}", version = "{version.split("+")[0]}", default-features = false, '
                     f"features = {json.dumps(features)} }}")
    return "\n".join(lines) + "\n"


def main() -> None:
    whole = units("--workspace", "--all-targets")
    keys = differing(whole)
    if sys.argv[1:] == ["--check"]:
        sys.exit(f"run scripts/unify_features.py: {sorted(keys)}" if keys else 0)
    old = {line.split(" = ")[0] for line in MANIFEST.read_text().splitlines()} if MANIFEST.exists() else set()
    for key in whole:
        name, version = key[0].rsplit("#", 1)[1].split("@")
        if f"{name}-{version.split('+')[0].replace('.', '_')}" in old:
            keys.add(key)
    target = sorted(key for key in keys if not key[1] and key in whole)
    host = sorted(key for key in keys if key[1] and key in whole)
    MANIFEST.parent.mkdir(exist_ok=True)
    MANIFEST.write_text(HEAD + table("dependencies", target, whole) + table("build-dependencies", host, whole))


if __name__ == "__main__":
    main()
