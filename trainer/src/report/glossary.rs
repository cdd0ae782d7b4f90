//! How to read the measures, a sentence each.

use page::html::Html;
use page::parts::glossary;

const MEANINGS: [(&str, &str); 19] = [
    (
        "AUC",
        "The chance that a random positive row is ranked above a random negative one: 0.5 is chance, 1 is perfect. Its 95 % interval is DeLong's.",
    ),
    (
        "AUC within groups",
        "The mean of the groups' own AUCs, weighted by their rows: whether the rows of one group are ordered well among themselves.",
    ),
    (
        "PR-AUC",
        "Average precision over all cut-offs; the natural rate is chance. It tells more than AUC where positives are rare.",
    ),
    ("log loss", "Mean negative log likelihood of the labels, in nats."),
    (
        "normalized entropy",
        "Log loss over that of always predicting the natural rate: below 1 is better than knowing the rate alone.",
    ),
    ("Brier score", "Mean squared distance of prediction and label."),
    (
        "calibration error (ECE)",
        "Mean distance of predicted probability and rate that came true, over 20 bins of equal weight.",
    ),
    ("KS", "Largest gap between the shares of positives and of negatives found, over all cut-offs."),
    ("Gini", "2·AUC − 1."),
    (
        "precision at the best k %",
        "Rate among the best k % of the rows: how many of the people addressed would respond.",
    ),
    ("recall at the best k %", "Share of all positives that is among the best k % of the rows."),
    ("lift", "Rate among the best rows over the natural rate of all rows."),
    ("gain", "Share of all positives (or of the whole value) that the best rows hold."),
    (
        "normalized Gini",
        "How much of the value the model's order collects early, against the best possible order: 0 is random, 1 is perfect.",
    ),
    ("Spearman", "Correlation of the ranks of prediction and value, −1 to 1."),
    (
        "accuracy, top-3, top-5",
        "Share of rows whose class is the most probable one, or among the 3 or 5 most probable: the hit rate.",
    ),
    (
        "mean reciprocal rank",
        "Mean of 1 over the place that the row's class has by probability: 1 where it is always first.",
    ),
    ("RMSE, MAE", "Root of the mean squared error, and mean absolute error, in the label's unit."),
    (
        "train, validation, test",
        "Weights were fitted to the first; early stopping and calibration saw the second; nothing saw the third before the end.",
    ),
];

/// The list, closed until asked for.
pub(super) fn section(html: &mut Html) {
    glossary(html, "How to read the measures", &MEANINGS);
}
