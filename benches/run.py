#!/usr/bin/env python3
"""Kindred beside PyTorch with pyarrow, on the same rows in the same run: training and scoring, heavy and light network.

    python3 benches/run.py [--rows 1000000] [--vocabulary 100000] [--threads N] [--only train|score] [--network heavy|light]

Prints one table and keeps the run as benches/last.json. Each side reads Parquet; scoring writes it. A training rate is
rows of the epoch ÷ seconds from its first read to its last step, vocabularies being fitted before; a scoring rate is rows ÷
seconds from the first read to the closed output. Both sides take turns, one at a time, three times; the best run counts on both sides.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CLONE = HERE.parent
NETWORKS = {
    "heavy": "{kind: mmoe, experts: 4, expert_layers: [256, 128], tower_layers: [], dropout: 0.0}",
    "light": "{kind: shared_bottom, bottom_layers: [64, 32], tower_layers: [], dropout: 0.0}",
}
REPEATS = 3


def documents(data: pathlib.Path, network: str, threads: int) -> str:
    numeric = "".join(f"    n{index:02}: {{kind: numeric, transform: standardize}}\n" for index in range(13))
    categorical = "".join(f"    c{index:02}: {{kind: categorical, width: 16}}\n" for index in range(26))
    return f"""\
apiVersion: kindred.dev/v1
kind: Training
metadata: {{name: bench-{network}}}
spec:
  tables: {{users: {{url: {data}, format: parquet}}}}
  examples: users
  key: user_id
  split: {{by: column, column: part}}
  features:
{numeric}{categorical}  tasks:
    bought: {{kind: binary, label: bought}}
    left: {{kind: binary, label: left}}
  network: {NETWORKS[network]}
  training:
    epochs: 1
    batch_size: 4096
    device: cpu
    task_weights: {{bought: 1.0, left: 1.0}}
  calibration: none
  baseline: none
  register: {{aliases: [candidate]}}
  resources: {{threads: {threads}}}
---
apiVersion: kindred.dev/v1
kind: Scoring
metadata: {{name: bench-{network}-scores}}
spec:
  model: bench-{network}@candidate
  tables: {{users: {{url: {data}, format: parquet}}}}
  population: users
  key: user_id
  device: cpu
  resources: {{threads: {threads}}}
"""


def peer_environment() -> dict[str, str]:
    setup = CLONE / ".setup"
    libraries = sorted(str(folder) for folder in (setup / "bench").glob("nvidia/*/lib"))
    return {
        **os.environ,
        "PYTHONPATH": ":".join(str(setup / name) for name in ("bench", "peers", "libtorch")),
        "LD_LIBRARY_PATH": ":".join(libraries),
    }


def peer(script: str, *arguments: str) -> float:
    """The rate of one run, rows/s."""
    command = [sys.executable, str(HERE / "peers" / script), *arguments]
    result = json.loads(subprocess.check_output(command, env=peer_environment(), text=True).splitlines()[-1])
    return result["rows"] / result["seconds"]


def kindred(data: pathlib.Path, network: str, threads: int, scratch: pathlib.Path) -> tuple[float, float]:
    """Training and scoring rate of one run, rows/s."""
    document = scratch / f"{network}.yaml"
    document.write_text(documents(data, network, threads))
    workspace = scratch / "workspace"
    shutil.rmtree(workspace, ignore_errors=True)
    command = [str(CLONE / "target/debug/kindred"), "run", str(document), "--workspace", str(workspace), "--output", "json"]
    results = json.loads(subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL))
    outcomes = {run["kind"]: run["outcome"] for run in results["runs"]}
    return outcomes["Training"]["training_rows_per_second"], outcomes["Scoring"]["scores"]["rows_per_second"]


def best(rates: tuple[float, float], more: tuple[float, float]) -> tuple[float, float]:
    return max(rates[0], more[0]), max(rates[1], more[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--vocabulary", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--network", choices=NETWORKS, action="append")
    parser.add_argument("--data", type=pathlib.Path, help="where generated tables are kept; a temporary folder if absent")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kindred-bench-") as temporary:
        scratch = pathlib.Path(temporary)
        data = (arguments.data or scratch / "data").resolve() / f"{arguments.rows}x{arguments.vocabulary}"
        subprocess.check_call(
            [sys.executable, str(HERE / "generate.py"), str(data), "--rows", str(arguments.rows),
             "--vocabulary", str(arguments.vocabulary)], env=peer_environment())
        rows = []
        for network in arguments.network or NETWORKS:
            threads = ["--threads", str(arguments.threads)]
            ours, theirs = (0.0, 0.0), (0.0, 0.0)
            for _ in range(REPEATS):
                ours = best(ours, kindred(data, network, arguments.threads, scratch))
                theirs = best(theirs, (
                    peer("train_torch.py", str(data), network, *threads),
                    peer("score_torch.py", str(data), network, str(scratch / "scores.parquet"), *threads),
                ))
            for what, our_rate, their_rate in zip(("training", "scoring"), ours, theirs):
                rows.append({"what": what, "network": network, "kindred_rows_per_second": round(our_rate),
                             "pytorch_rows_per_second": round(their_rate), "ratio": round(our_rate / their_rate, 2)})
    report(arguments, rows)


def report(arguments: argparse.Namespace, rows: list[dict]) -> None:
    machine = f"{processor()}, {arguments.threads} threads"
    day = datetime.date.today().isoformat()
    print(f"{arguments.rows:,} rows × (26 categorical × {arguments.vocabulary:,} ids × 16, 13 numeric), batch 4096; {machine}; {day}")
    print(f"{'':10}{'network':9}{'kindred rows/s':>16}{'PyTorch rows/s':>16}{'ratio':>8}")
    for row in rows:
        print(f"{row['what']:10}{row['network']:9}{row['kindred_rows_per_second']:>16,}"
              f"{row['pytorch_rows_per_second']:>16,}{row['ratio']:>7.2f}×")
    (HERE / "last.json").write_text(json.dumps(
        {"date": day, "machine": machine, "rows": arguments.rows, "vocabulary": arguments.vocabulary,
         "threads": arguments.threads, "results": rows}, indent=1) + "\n")


def processor() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
