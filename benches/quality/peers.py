"""The other side: LightGBM, and scikit-learn's logistic and ridge regression, with settings chosen on validation rows."""

import dataclasses
import itertools
import os
import time

# Threads that wait by spinning take the processor from each other.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from measures import log_loss, rmse

LEAVES = (4, 8, 16)
LEAF_ROWS = (20, 100)
OBJECTIVES = {True: ("binary",), False: ("regression", "tweedie")}
ROUNDS, PATIENCE = 2000, 50
INVERSE_PENALTIES = (0.003, 0.03, 0.3, 3.0)
PENALTIES = (3.0, 30.0, 300.0, 3000.0)
BINS = 8


@dataclasses.dataclass(frozen=True)
class Rows:
    """The examples as numbers: NaN where missing, categories as their place among those of the training rows."""

    values: np.ndarray
    categorical: list[int]
    parts: np.ndarray

    def of(self, part: str) -> np.ndarray:
        return self.parts == part


@dataclasses.dataclass
class Chosen:
    """The best of some settings."""

    loss: float = np.inf
    predictions: np.ndarray | None = None
    # Of the best; of all together.
    fit_seconds: float = 0.0
    all_seconds: float = 0.0
    settings: dict | None = None


def rows(examples: pa.Table, columns: list[str]) -> Rows:
    parts = examples["part"].to_numpy()
    train = parts == "train"
    values, categorical = [], []
    for place, name in enumerate(columns):
        column = examples[name].combine_chunks()
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
            known = pc.unique(column.filter(pa.array(train)).drop_null())
            column = pc.index_in(column, value_set=known)
            categorical.append(place)
        elif pa.types.is_date(column.type):
            column = column.cast(pa.date32()).cast(pa.int32())
        values.append(column.cast(pa.float64()).to_numpy(zero_copy_only=False))
    return Rows(np.column_stack(values), categorical, parts)


def choose(trials, loss) -> Chosen:
    """Runs trials `(settings, fit)`, `fit` giving predictions of all rows, and keeps the one with the least loss."""
    chosen = Chosen()
    for settings, fit in trials:
        started = time.monotonic()
        predictions = fit()
        seconds = time.monotonic() - started
        chosen.all_seconds += seconds
        if loss(predictions) < chosen.loss:
            chosen.loss, chosen.predictions = loss(predictions), predictions
            chosen.fit_seconds, chosen.settings = seconds, settings
    return chosen


def validation_loss(rows: Rows, label: np.ndarray, is_probability: bool):
    validation = rows.of("validation")
    measure = log_loss if is_probability else rmse
    return lambda predictions: measure(label[validation], predictions[validation])


def boosting(rows: Rows, label: np.ndarray, is_probability: bool, seed: int) -> Chosen:
    """LightGBM: leaves, rows a leaf and for amounts the objective by validation loss, rounds by early stopping."""
    def fit(objective: str, leaves: int, leaf_rows: int) -> np.ndarray:
        train, validation = rows.of("train"), rows.of("validation")
        settings = {
            "objective": objective, "metric": "binary_logloss" if is_probability else "rmse", "num_leaves": leaves,
            "min_data_in_leaf": leaf_rows, "learning_rate": 0.05, "feature_fraction": 0.7, "bagging_fraction": 0.8,
            "bagging_freq": 1, "seed": seed, "num_threads": os.cpu_count(), "verbosity": -1, "deterministic": True,
        }
        data = lightgbm.Dataset(rows.values[train], label[train], categorical_feature=rows.categorical)
        watched = lightgbm.Dataset(rows.values[validation], label[validation], reference=data)
        model = lightgbm.train(
            settings, data, ROUNDS, valid_sets=[watched], callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)])
        return model.predict(rows.values)

    grid = itertools.product(OBJECTIVES[is_probability], LEAVES, LEAF_ROWS)
    trials = [
        ({"objective": objective, "num_leaves": leaves, "min_data_in_leaf": leaf_rows},
         lambda objective=objective, leaves=leaves, leaf_rows=leaf_rows: fit(objective, leaves, leaf_rows))
        for objective, leaves, leaf_rows in grid
    ]
    return choose(trials, validation_loss(rows, label, is_probability))


def designs(rows: Rows) -> dict[str, np.ndarray]:
    """Matrices of all rows for a linear model, fitted on the training rows: one-hot categories, and numbers with their
    median and a flag for missing ones, standardized, standardized logarithms, or piecewise linear by quantiles."""
    train = rows.of("train")
    numeric = [place for place in range(rows.values.shape[1]) if place not in rows.categorical]
    numbers = rows.values[:, numeric]
    missing = np.isnan(numbers)
    numbers = np.where(missing, np.nanmedian(numbers[train], axis=0), numbers)
    others = [missing[:, missing[train].any(axis=0)].astype(float)]
    others += [one_hot(rows.values[:, place], train) for place in rows.categorical]
    scaled = {
        "standardize": standardized(numbers, train),
        "log1p": standardized(np.sign(numbers) * np.log1p(np.abs(numbers)), train),
        "piecewise_linear": np.column_stack([piecewise_linear(column, train) for column in numbers.T]),
    }
    return {name: np.column_stack([matrix, *others]) for name, matrix in scaled.items()}


def one_hot(places: np.ndarray, train: np.ndarray) -> np.ndarray:
    """A column for each place that at least two training rows have."""
    found, counts = np.unique(places[train & ~np.isnan(places)], return_counts=True)
    return (places[:, None] == found[counts >= 2]).astype(float)


def standardized(numbers: np.ndarray, train: np.ndarray) -> np.ndarray:
    return StandardScaler().fit(numbers[train]).transform(numbers)


def piecewise_linear(column: np.ndarray, train: np.ndarray) -> np.ndarray:
    """For each quantile bin 0 below it, 1 above it, the fraction inside."""
    edges = np.unique(np.quantile(column[train], np.linspace(0, 1, BINS + 1)))
    return np.column_stack(
        [np.clip((column - low) / (high - low), 0, 1) for low, high in itertools.pairwise(edges)] or [np.zeros_like(column)])


def regression(rows: Rows, label: np.ndarray, is_probability: bool, seed: int) -> Chosen:
    """Logistic regression, or ridge regression cut off at zero: scaling and penalty by validation loss."""
    def fit(design: np.ndarray, penalty: float) -> np.ndarray:
        train = rows.of("train")
        if is_probability:
            model = LogisticRegression(C=penalty, max_iter=2000, random_state=seed)
            return model.fit(design[train], label[train]).predict_proba(design)[:, 1]
        return np.maximum(Ridge(penalty).fit(design[train], label[train]).predict(design), 0.0)

    started = time.monotonic()
    matrices = designs(rows)
    preparing = time.monotonic() - started
    penalties = INVERSE_PENALTIES if is_probability else PENALTIES
    trials = [
        ({"numbers": name, "penalty": penalty}, lambda design=design, penalty=penalty: fit(design, penalty))
        for (name, design), penalty in itertools.product(matrices.items(), penalties)
    ]
    chosen = choose(trials, validation_loss(rows, label, is_probability))
    chosen.all_seconds += preparing
    return chosen


PEERS = {"LightGBM": boosting, "regression": regression}
