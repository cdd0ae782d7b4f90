"""Kindred's side: a document is run, and the whole table of examples is scored with what came of it."""

import dataclasses
import json
import pathlib
import subprocess
import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_sets import DataSet

NETWORKS = ("linear", "shared_bottom", "mmoe")


@dataclasses.dataclass(frozen=True)
class Trial:
    """One data set with one seed: where its parts are, and what is run with them."""

    program: pathlib.Path
    data: pathlib.Path
    parts: pathlib.Path
    workspace: pathlib.Path
    document: pathlib.Path
    seed: int

    def command(self, *arguments: str) -> dict:
        command = [str(self.program), *arguments, "--workspace", str(self.workspace)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        return json.loads(done.stdout)


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What came of a network."""

    # As the document prepared them.
    examples: pa.Table
    # Task to prediction, in the examples' order.
    predictions: dict[str, np.ndarray]
    # Of the epochs with their looks at the validation rows; of the whole command.
    fit_seconds: float
    all_seconds: float
    # How the epochs went, from `metrics.json`.
    timeline: dict


def fit(trial: Trial, data_set: DataSet, network: str) -> Fitted:
    settings = {"data": trial.data, "parts": trial.parts, "network": network, "seed": trial.seed}
    started = time.monotonic()
    results = trial.command(
        "run", str(trial.document), "--output", "json",
        *(argument for name, value in settings.items() for argument in ("--set", f"{name}={value}")))
    all_seconds = time.monotonic() - started
    (run,) = results["runs"]
    outcome = run["outcome"]
    package = trial.workspace / "models" / outcome["model"] / "versions" / f"{outcome['version']:020}"
    timeline = json.loads((package / "metrics.json").read_text())["timeline"]
    files = sorted((trial.workspace / "runs" / run["run"] / "tables" / "examples").glob("*/part-*.parquet"))
    examples = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])
    check_columns(data_set, examples, json.loads((package / "encoders.json").read_text()))
    scores = trial.workspace / f"{run['run']}.parquet"
    model = f"{outcome['model']}@{outcome['version']}"
    trial.command("score", "--model", model, "--input", str(files[0].parent), "--output", str(scores), "--format", "json")
    predictions = in_order(pq.read_table(scores), examples[data_set.key], data_set)
    return Fitted(examples, predictions, timeline["seconds"], all_seconds, timeline)


def in_order(scores: pa.Table, keys: pa.ChunkedArray, data_set: DataSet) -> dict[str, np.ndarray]:
    places = pc.index_in(keys, value_set=scores[data_set.key].combine_chunks())
    if places.null_count or len(scores) != len(keys):
        raise SystemExit(f"{data_set.name}: the scores are not those of the examples")
    return {task: scores[task].take(places).to_numpy().astype(np.float64) for task in data_set.labels}


def feature_columns(data_set: DataSet, examples: pa.Table) -> list[str]:
    """What both sides learn from: all columns but the key, the part and the labels."""
    others = {data_set.key, "part", *data_set.labels.values()}
    return [name for name in examples.column_names if name not in others]


def check_columns(data_set: DataSet, examples: pa.Table, encoders: dict) -> None:
    read = {column for feature in encoders["features"] for column in feature["columns"]}
    if read != set(feature_columns(data_set, examples)):
        raise SystemExit(f"{data_set.name}: the model reads {sorted(read)}, the others would not")
