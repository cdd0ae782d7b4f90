#!/usr/bin/env python3
"""Memory of training and scoring as the rows grow: the light network on generated tables of two sizes.

    python3 benches/memory.py [--rows 1000000] [--times 10] [--vocabulary 10000]

Prints the largest resident set of any process of each run, and keeps it as benches/memory.json. Mapped libraries
count.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from run import CLONE, HERE, documents, peer_environment, processor


def peak(arguments: list[str]) -> int:
    """The largest resident set of a command and its descendants, bytes."""
    measuring = "import resource, subprocess, sys; subprocess.check_call(sys.argv[1:], stdout=subprocess.DEVNULL); " \
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    return int(subprocess.check_output([sys.executable, "-c", measuring, *arguments], text=True))


def measure(rows: int, vocabulary: int, threads: int, scratch: pathlib.Path) -> dict:
    data, workspace = scratch / f"{rows}", scratch / "workspace"
    subprocess.check_call([sys.executable, str(HERE / "generate.py"), str(data), "--rows", str(rows),
                           "--vocabulary", str(vocabulary)], env=peer_environment())
    training, scoring = documents(data, "light", threads).split("---\n")
    result = {"rows": rows}
    for name, document in (("training", training), ("scoring", scoring)):
        path = scratch / f"{name}.yaml"
        path.write_text(document)
        command = [str(CLONE / "target/debug/kindred"), "run", str(path), "--workspace", str(workspace)]
        result[f"{name}_bytes"] = peak(command)
    shutil.rmtree(workspace)
    shutil.rmtree(data)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kindred-memory-") as temporary:
        sizes = (arguments.rows, arguments.rows * arguments.times)
        scratch = pathlib.Path(temporary)
        results = [measure(rows, arguments.vocabulary, arguments.threads, scratch) for rows in sizes]
    print(f"{'rows':>12}{'training MiB':>15}{'scoring MiB':>15}")
    for result in results:
        print(f"{result['rows']:>12,}{result['training_bytes'] >> 20:>15,}{result['scoring_bytes'] >> 20:>15,}")
    (HERE / "memory.json").write_text(json.dumps(
        {"date": datetime.date.today().isoformat(), "machine": processor(), "threads": arguments.threads,
         "vocabulary": arguments.vocabulary, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
