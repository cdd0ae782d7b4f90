"""Measures of predictions, the same functions for every side."""

import numpy as np
from scipy.stats import spearmanr
from sklearn import metrics

# Of a probability from 0 and 1, as Kindred's own log loss keeps it.
LEAST = 2.0**-23


def log_loss(labels: np.ndarray, predictions: np.ndarray) -> float:
    return float(metrics.log_loss(labels, np.clip(predictions, LEAST, 1 - LEAST), labels=[0, 1]))


def rmse(labels: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.sqrt(np.mean((labels - predictions) ** 2)))


def of_probabilities(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    return {"AUC": float(metrics.roc_auc_score(labels, predictions)), "log loss": log_loss(labels, predictions)}


def of_amounts(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    return {"RMSE": rmse(labels, predictions), "Spearman": float(spearmanr(labels, predictions).statistic)}
