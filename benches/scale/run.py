#!/usr/bin/env python3
"""A night of 20 million users × 40 columns: scored, cut exactly, published; beside PyTorch with pyarrow (scores) and
DuckDB (the cut) in the same run.

    python3 benches/scale/run.py [--rows 20000000] [--top 1000000] [--peer-rows 1000000] [--threads N] [--scratch /tmp]

A model (the light network of benches/run.py) is trained on 200,000 generated rows. Then a population is generated, scored
and published with three tiers, a holdout and an exclusion, and again at a tenth of the rows for its memory. Generated
tables and workspaces go to a temporary folder below --scratch (about 4 GB at 20 M) and are deleted. Prints one table and
keeps the run as benches/scale/last.json.

Rates are users ÷ seconds. Of Kindred: end to end from the start of `kindred run` to its end, and by stage from the run's own
log. PyTorch scores the population's first files, of at least --peer-rows rows (all of them where that is more), from its
first read to the closed output; it predicts, no more, while Kindred also ranks, hashes and excludes. DuckDB cuts Kindred's
score files and writes the audience; Kindred's cut is its publish stage, process start, checks and manifests included. Each side
runs alone. Memory is the largest resident set of any process, mapped libraries included.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from run import CLONE, documents, peer_environment, processor  # noqa: E402

TRAINING_ROWS = 200_000
FILES = 16
STAGES = ("plan", "score", "publish")


def scoring(data: pathlib.Path, top: int, threads: int) -> str:
    return f"""\
apiVersion: kindred.dev/v1
kind: Scoring
metadata: {{name: scale}}
spec:
  model: bench-light@candidate
  tables:
    users: {{url: {data}/population, format: parquet}}
    excluded: {{url: {data}/excluded, format: parquet}}
  population: users
  key: user_id
  device: cpu
  resources: {{threads: {threads}}}
  audiences:
    likely:
      rank_by: bought * (1 - left)
      size: {{top: {top}}}
      tiers: {{high: 0.2, mid: 0.3, low: rest}}
      holdout: {{share: 0.1, salt: spring}}
      exclude: [{{table: excluded, key: user_id}}]
"""


def measured(command: list[str]) -> tuple[float, int, str]:
    """Seconds, the largest resident set of the command or any descendant in bytes, and its output."""
    measuring = "import resource, subprocess, sys; subprocess.check_call(sys.argv[2:], stdout=open(sys.argv[1], 'w')); " \
                "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    with tempfile.NamedTemporaryFile("r") as output:
        started = time.perf_counter()
        peak = subprocess.check_output([sys.executable, "-c", measuring, output.name, *command], text=True,
                                       env=peer_environment(), stderr=subprocess.DEVNULL)
        return time.perf_counter() - started, int(peak), output.read()


def kindred(document: pathlib.Path, workspace: pathlib.Path) -> tuple[float, int, dict]:
    program = str(CLONE / "target/debug/kindred")
    seconds, peak, output = measured([program, "run", str(document), "--workspace", str(workspace), "--output", "json"])
    return seconds, peak, json.loads(output)["runs"][0]


def train(scratch: pathlib.Path, vocabulary: int, threads: int) -> None:
    sample = scratch / "sample"
    subprocess.check_call([sys.executable, str(HERE.parent / "generate.py"), str(sample), "--rows", str(TRAINING_ROWS),
                           "--vocabulary", str(vocabulary)], env=peer_environment())
    document = scratch / "training.yaml"
    document.write_text(documents(sample, "light", threads).split("---\n")[0])
    kindred(document, scratch / "model")
    shutil.rmtree(sample)


def moment(text: str) -> float:
    """Seconds of an RFC 3339 time; Python knows microseconds."""
    return datetime.datetime.fromisoformat(re.sub(r"\.(\d{6})\d*Z$", r".\1+00:00", text)).timestamp()


def stages(run: pathlib.Path) -> dict[str, float]:
    """Seconds from each stage's launch to its end."""
    began, took = {}, {}
    for entry in sorted((run / "log").glob("*.json")):
        entry = json.loads(entry.read_text())
        event, at = entry["event"], moment(entry["at"])
        if event["type"] == "launched":
            began.setdefault(event["stage"], at)
        elif event["type"] == "stage_finished":
            took[event["stage"]] = at - began[event["stage"]]
    return took


def night(rows: int, arguments: argparse.Namespace, scratch: pathlib.Path) -> dict:
    """A population generated, scored and published. The workspace and the population stay."""
    data, workspace = scratch / f"data-{rows}", scratch / f"workspace-{rows}"
    subprocess.check_call([sys.executable, str(HERE / "generate.py"), str(data), "--rows", str(rows), "--files", str(FILES),
                           "--vocabulary", str(arguments.vocabulary)], env=peer_environment())
    shutil.copytree(scratch / "model", workspace)
    document, top = scratch / f"scoring-{rows}.yaml", min(arguments.top, rows // 20)
    document.write_text(scoring(data, top, arguments.threads))
    seconds, peak, result = kindred(document, workspace)
    run = next((workspace / "runs").glob("scale-*"))
    manifest = json.loads(next((workspace / "audiences/likely/versions").glob("*/manifest.json")).read_text())
    assert manifest["selected"] == top, manifest["selected"]
    assert result["outcome"]["scores"]["rows"] == rows, result
    size = sum(file.stat().st_size for file in (data / "population").iterdir())
    return {"rows": rows, "top": top, "table_bytes": size, "seconds": seconds, "peak_bytes": peak, "stages": stages(run),
            "data": data, "workspace": workspace, "scores": run / "scores.json", "manifest": manifest}


def subset(population: pathlib.Path, rows: int, wanted: int, scratch: pathlib.Path) -> pathlib.Path:
    """A folder with the first files of the population that have the wanted rows together."""
    files = sorted(population.iterdir())
    folder = scratch / "subset"
    folder.mkdir()
    for file in files[:max(1, min(len(files), -(-wanted * len(files) // rows)))]:
        os.link(file, folder / file.name)
    return folder


def pytorch(done: dict, arguments: argparse.Namespace, scratch: pathlib.Path) -> dict:
    folder = subset(done["data"] / "population", done["rows"], arguments.peer_rows, scratch)
    command = [sys.executable, str(HERE.parent / "peers/score_torch.py"), str(folder), "light",
               str(scratch / "torch.parquet"), "--threads", str(arguments.threads)]
    _, peak, output = measured(command)
    return {**json.loads(output.splitlines()[-1]), "peak_bytes": peak}


def duckdb(done: dict, arguments: argparse.Namespace, scratch: pathlib.Path) -> dict:
    command = [sys.executable, str(HERE / "cut_duckdb.py"), str(done["scores"]), str(done["workspace"]),
               str(done["data"] / "excluded"), str(scratch / "duckdb"), "--top", str(done["top"]),
               "--threads", str(arguments.threads)]
    _, peak, output = measured(command)
    result = {**json.loads(output), "peak_bytes": peak}
    lowest = done["manifest"]["tiers"]["low"]["lowest"]
    assert (result["selected"], result["lowest"]) == (done["top"], lowest), f"another cut: {result}, {lowest}"
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--top", type=int, default=1_000_000, help="at most a twentieth of the rows")
    parser.add_argument("--peer-rows", type=int, default=1_000_000)
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kindred-scale-", dir=arguments.scratch) as temporary:
        scratch = pathlib.Path(temporary)
        train(scratch, arguments.vocabulary, arguments.threads)
        small = night(arguments.rows // 10, arguments, scratch)
        shutil.rmtree(small["data"])
        shutil.rmtree(small["workspace"])
        large = night(arguments.rows, arguments, scratch)
        report(arguments, small, large, pytorch(large, arguments, scratch), duckdb(large, arguments, scratch))


def rate(rows: int, seconds: float) -> int:
    return round(rows / seconds)


def report(arguments: argparse.Namespace, small: dict, large: dict, torch: dict, cut: dict) -> None:
    rows, day = large["rows"], datetime.date.today().isoformat()
    ours = {stage: rate(rows, large["stages"][stage]) for stage in STAGES}
    theirs = {"score": rate(torch["rows"], torch["seconds"]), "publish": rate(cut["rows"], cut["seconds"])}
    machine = f"{processor()}, {os.cpu_count()} cores, {arguments.threads} threads"
    print(f"{rows:,} users × 40 columns ({large['table_bytes'] / 1e9:.2f} GB), top {large['top']:,}; {machine}; {day}")
    print(f"{'':12}{'kindred users/s':>17}{'seconds':>10}{'peer users/s':>15}{'ratio':>8}  peer")
    print(f"{'end to end':12}{rate(rows, large['seconds']):>17,}{large['seconds']:>10.1f}")
    peers = {"score": f"PyTorch + pyarrow, {torch['rows']:,} rows", "publish": f"DuckDB, {cut['rows']:,} rows"}
    for stage in STAGES:
        beside = f"{theirs[stage]:>15,}{ours[stage] / theirs[stage]:>7.2f}×  {peers[stage]}" if stage in theirs else ""
        print(f"{stage:12}{ours[stage]:>17,}{large['stages'][stage]:>10.1f}{beside}")
    print(f"largest process: {small['peak_bytes'] >> 20:,} MiB at {small['rows']:,} users, {large['peak_bytes'] >> 20:,} MiB at "
          f"{rows:,}; PyTorch {torch['peak_bytes'] >> 20:,} MiB, DuckDB {cut['peak_bytes'] >> 20:,} MiB")
    kept = {"date": day, "machine": machine, "threads": arguments.threads, "vocabulary": arguments.vocabulary,
            "runs": [{name: done[name] for name in ("rows", "top", "table_bytes", "seconds", "peak_bytes", "stages")}
                     for done in (small, large)],
            "pytorch": torch, "duckdb": cut,
            "ratio": {stage: round(ours[stage] / theirs[stage], 2) for stage in theirs}}
    (HERE / "last.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
