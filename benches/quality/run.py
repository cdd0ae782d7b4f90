#!/usr/bin/env python3
"""Kindred with default settings beside LightGBM and scikit-learn's linear models, on the same rows of public data sets.

    python3 benches/quality/run.py --data FOLDER [--seeds 5] [--kindred-alone]

FOLDER holds the data sets' folders as they are published: `bank_marketing/bank-additional-full.csv.gz`,
`ifood_campaigns/ml_project1_data.csv.gz`, `online_retail/online_retail.parquet` and
`online_retail/online_retail_II_2009_2010.parquet`. Every seed deals the rows anew: three fifths train, one validates, one
tests. LightGBM and the linear models choose their settings by the validation rows, Kindred has its defaults and
uses them for early stopping and calibration. Prints one table of test measures, mean ± standard deviation over
the seeds, and keeps it as benches/quality/last.json. `--kindred-alone` takes the others' figures from there: the deals, and
what the others make of them, are the same every time.

Whoever looks for better defaults must not look at test rows: `--rehearse` leaves them out, deals the others anew, and
`--replace OLD NEW` changes the documents' text. Neither is kept as last.json.
"""

import argparse
import datetime
import json
import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CLONE = HERE.parent.parent
LAST = HERE / "last.json"
sys.path[:0] = [str(HERE), str(CLONE / ".setup" / "peers")]

import numpy as np  # noqa: E402

import kindred  # noqa: E402
import measures  # noqa: E402
import peers  # noqa: E402
from data_sets import DATA_SETS, DataSet  # noqa: E402


class Table:
    """Figures by data set, task and measure, model and seed."""

    def __init__(self) -> None:
        self.figures: dict[tuple[str, str, str], dict[str, list[float]]] = {}

    def add(self, data_set: str, task: str, measure: str, model: str, value: float) -> None:
        self.figures.setdefault((data_set, task, measure), {}).setdefault(model, []).append(value)

    def add_task(self, data_set: DataSet, task: str, model: str, examples, predictions: np.ndarray) -> dict[str, float]:
        test = examples["part"].to_numpy() == "test"
        labels = examples[data_set.labels[task]].to_numpy().astype(np.float64)[test]
        measure = measures.of_probabilities if task in data_set.probabilities else measures.of_amounts
        found = measure(labels, predictions[test])
        for name, value in found.items():
            self.add(data_set.name, task, name, model, value)
        return found

    def add_means(self, data_set: str, model: str, found: list[dict[str, float]]) -> None:
        """Over the tasks of a set of several of one kind."""
        if len(found) > 2:
            for name in found[0]:
                self.add(data_set, "mean of tasks", name, model, float(np.mean([task[name] for task in found])))

    def add_seconds(self, data_set: str, model: str, fit: float, everything: float) -> None:
        self.add(data_set, "", "seconds to fit", model, fit)
        self.add(data_set, "", "seconds in all", model, everything)

    def results(self) -> list[dict]:
        return [
            {"data_set": data_set, "task": task, "measure": measure,
             "models": {model: {"mean": float(np.mean(values)), "deviation": float(np.std(values, ddof=min(1, len(values) - 1))),
                                "values": values} for model, values in models.items()}}
            for (data_set, task, measure), models in self.figures.items()
        ]


def run_seed(table: Table, data_set: DataSet, seed: int, arguments: argparse.Namespace, scratch: pathlib.Path) -> int:
    """All models on one deal; gives how many rows there were."""
    document = scratch / f"{data_set.name}.yaml"
    text = data_set.document
    for old, new in arguments.replace:
        text = text.replace(old, new)
    document.write_text(text)
    parts = scratch / f"{data_set.name}-{seed}.parquet"
    data_set.deal(arguments.data, seed, arguments.rehearse, parts)
    trial = kindred.Trial(arguments.kindred, arguments.data, parts, scratch / "workspace", document, seed)
    for network in arguments.network or kindred.NETWORKS:
        fitted = kindred.fit(trial, data_set, network)
        found = [table.add_task(data_set, task, network, fitted.examples, predictions)
                 for task, predictions in fitted.predictions.items()]
        table.add_means(data_set.name, network, found)
        table.add_seconds(data_set.name, network, fitted.fit_seconds, fitted.all_seconds)
        epochs = f"{fitted.timeline['best_epoch']} of {len(fitted.timeline['epochs'])} epochs"
        say(data_set, seed, network, found, epochs)
    if not arguments.kindred_alone:
        run_peers(table, data_set, seed, fitted.examples)
    return len(fitted.examples)


def run_peers(table: Table, data_set: DataSet, seed: int, examples) -> None:
    rows = peers.rows(examples, kindred.feature_columns(data_set, examples))
    for model, fit in peers.PEERS.items():
        chosen = {
            task: fit(rows, examples[label].to_numpy().astype(np.float64), task in data_set.probabilities, seed)
            for task, label in data_set.labels.items()
        }
        found = [table.add_task(data_set, task, model, examples, best.predictions) for task, best in chosen.items()]
        table.add_means(data_set.name, model, found)
        fits, everything = (sum(getattr(best, name) for best in chosen.values()) for name in ("fit_seconds", "all_seconds"))
        table.add_seconds(data_set.name, model, fits, everything)
        say(data_set, seed, model, found, str([best.settings for best in chosen.values()]))


def say(data_set: DataSet, seed: int, model: str, found: list[dict[str, float]], more: str) -> None:
    figures = "; ".join(" ".join(f"{name} {value:.4f}" for name, value in task.items()) for task in found)
    print(f"{data_set.name}, seed {seed}, {model}: {figures} ({more})", file=sys.stderr, flush=True)


def report(results: list[dict], head: str) -> None:
    models = list(results[0]["models"])
    print(head)
    print(f"{'data':17}{'task':15}{'measure':16}" + "".join(f"{model:>19}" for model in models))
    for row in results:
        digits = 4 if abs(row["models"][models[0]]["mean"]) < 1.5 and "seconds" not in row["measure"] else 1
        cells = (f"{figure['mean']:.{digits}f} ± {figure['deviation']:.{digits}f}" for figure in row["models"].values())
        print(f"{row['data_set']:17}{row['task']:15}{row['measure']:16}" + "".join(f"{cell:>19}" for cell in cells))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--only", choices=DATA_SETS, action="append", help="a data set; may be repeated")
    parser.add_argument("--network", choices=kindred.NETWORKS, action="append", help="may be repeated")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--replace", nargs=2, action="append", default=[], metavar=("OLD", "NEW"))
    parser.add_argument("--kindred-alone", action="store_true", help="the others' figures are the last run's")
    parser.add_argument("--kindred", type=pathlib.Path, default=CLONE / "target" / "debug" / "kindred", help="the program")
    given = parser.parse_args()
    given.data = given.data.resolve()
    return given


def main() -> None:
    given = arguments()
    table, rows = Table(), {}
    with tempfile.TemporaryDirectory(prefix="kindred-quality-") as scratch:
        for name in given.only or DATA_SETS:
            for seed in range(1, given.seeds + 1):
                rows[name] = run_seed(table, DATA_SETS[name], seed, given, pathlib.Path(scratch))
    day = datetime.date.today().isoformat()
    machine = f"{processor()}, {os.cpu_count()} threads"
    is_whole = not (given.rehearse or given.replace or given.only or given.network)
    results, kept = table.results(), {"others_date": day}
    if is_whole and given.kindred_alone:
        last = json.loads(LAST.read_text())
        if (last["rows"], last["seeds"]) != (rows, given.seeds):
            raise SystemExit("the last run had other rows or seeds: run it without --kindred-alone")
        results, kept = with_others(results, last), {"others_date": last["others_date"]}
    counted = ", ".join(f"{name} {count:,} rows" for name, count in rows.items())
    report(results, f"{counted}; {given.seeds} seeds; {machine}; {day}")
    if is_whole:
        kept.update({"date": day, "machine": machine, "rows": rows, "seeds": given.seeds, "results": results})
        LAST.write_text(json.dumps(kept, indent=1) + "\n")


def with_others(results: list[dict], last: dict) -> list[dict]:
    """The results with the others' figures of the last run."""
    others = {(row["data_set"], row["task"], row["measure"]): row["models"] for row in last["results"]}
    for row in results:
        models = others[row["data_set"], row["task"], row["measure"]]
        row["models"].update({model: models[model] for model in peers.PEERS})
    return results


def processor() -> str:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


if __name__ == "__main__":
    main()
