#!/usr/bin/env python3
"""The defaults of a document beside the best of a search, on the same rows of bank marketing.

    python3 benches/quality/search.py --data FOLDER [--seeds 1]

Every seed deals the rows anew, as run.py does. The document is run as it is, then with `search_space.txt` behind it. Prints for
both the AUC and log loss on validation and test rows, the seconds of the whole command, and the winner's settings.
"""

import argparse
import json
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CLONE = HERE.parent.parent
sys.path[:0] = [str(HERE), str(CLONE / ".setup" / "peers")]

import kindred  # noqa: E402
from data_sets import DATA_SETS  # noqa: E402

DATA_SET = DATA_SETS["bank_marketing"]


def run(trial: kindred.Trial) -> tuple[dict, float]:
    settings = {"data": trial.data, "parts": trial.parts, "seed": trial.seed}
    started = time.monotonic()
    results = trial.command(
        "run", str(trial.document), "--output", "json",
        *(argument for name, value in settings.items() for argument in ("--set", f"{name}={value}")))
    return results["runs"][0]["outcome"], time.monotonic() - started


def say(seed: int, name: str, outcome: dict, seconds: float) -> None:
    measures = outcome["measures"]["subscribed"]
    figures = (f"{part} {measure} {measures[part][measure]:.4f}" for part in ("validation", "test") for measure in ("auc", "log_loss"))
    print(f"seed {seed}, {name}: {', '.join(figures)}, {seconds:.0f} s in all", flush=True)


def run_seed(seed: int, given: argparse.Namespace, scratch: pathlib.Path) -> None:
    parts = scratch / f"{seed}.parquet"
    DATA_SET.deal(given.data, seed, False, parts)
    for name, search in (("default", ""), ("search", (HERE / "search_space.txt").read_text())):
        document = scratch / f"{name}.yaml"
        document.write_text(DATA_SET.document + search)
        trial = kindred.Trial(given.kindred, given.data, parts, scratch / name, document, seed)
        outcome, seconds = run(trial)
        say(seed, name, outcome, seconds)
        if found := outcome.get("search"):
            best = found["trials"][found["winner"]]
            failed = sum(any(training["failure"] for training in trial["trainings"]) for trial in found["trials"])
            print(f"  trial {best['trial']} of {len(found['trials'])} ({failed} failed), "
                  f"{found['seconds']:.0f} s of training: {json.dumps(best['settings'])}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--kindred", type=pathlib.Path, default=CLONE / "target" / "debug" / "kindred", help="the program")
    given = parser.parse_args()
    given.data = given.data.resolve()
    with tempfile.TemporaryDirectory(prefix="kindred-search-") as scratch:
        for seed in range(1, given.seeds + 1):
            run_seed(seed, given, pathlib.Path(scratch))


if __name__ == "__main__":
    main()
