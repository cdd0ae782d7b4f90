"""The data sets: their documents, keys and labels, and which row is on which side for a seed."""

import dataclasses
import pathlib

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
# Of five rows in a row three train, one validates and one tests.
DEAL = ("train", "train", "train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A document beside this file, and what is asked of it."""

    name: str
    key: str
    # Task to label column.
    probabilities: dict[str, str]
    amounts: dict[str, str]
    # Keys, with a stratum of which every side gets its share.
    keys: str

    @property
    def document(self) -> str:
        return (HERE / f"{self.name}.yaml").read_text()

    @property
    def labels(self) -> dict[str, str]:
        return {**self.probabilities, **self.amounts}

    def deal(self, data: pathlib.Path, seed: int, rehearse: bool, path: pathlib.Path) -> None:
        """Writes each key's part. In a rehearsal the test rows are left out and the others are dealt anew."""
        rows = duckdb.sql(self.keys.format(data=data)).fetchnumpy()
        keys, strata = rows["key"], rows["stratum"]
        parts = deal(strata, np.random.default_rng([seed, 0]))
        if rehearse:
            known = parts != "test"
            keys, strata = keys[known], strata[known]
            parts = deal(strata, np.random.default_rng([seed, 1]))
        pq.write_table(pa.table({self.key: keys, "part": parts}), path)


def deal(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part for each row: the rows of a stratum, in random order, in shuffled hands of five."""
    order = np.lexsort((rng.permutation(len(strata)), strata))
    hands = np.concatenate([rng.permutation(DEAL) for _ in range(-(-len(strata) // len(DEAL)))])
    parts = np.empty(len(strata), dtype=hands.dtype)
    parts[order] = hands[: len(strata)]
    return parts


DATA_SETS = {
    data_set.name: data_set
    for data_set in (
        DataSet(
            name="bank_marketing", key="call", probabilities={"subscribed": "subscribed"}, amounts={},
            keys="SELECT range AS key, 0 AS stratum FROM range(1, 1 + (SELECT count(*) FROM read_csv("
                 "'{data}/bank_marketing/bank-additional-full.csv.gz', delim = ';', quote = '\"')))"),
        DataSet(
            name="ifood_campaigns", key="ID", amounts={},
            probabilities={
                **{f"campaign_{number}": f"AcceptedCmp{number}" for number in range(1, 6)}, "campaign_6": "Response"},
            keys="SELECT ID AS key, AcceptedCmp2 || AcceptedCmp1 || AcceptedCmp3 || AcceptedCmp4 || AcceptedCmp5 || "
                 "Response AS stratum FROM read_csv('{data}/ifood_campaigns/ml_project1_data.csv.gz') ORDER BY ID"),
        DataSet(
            name="online_retail", key="customer", probabilities={"repurchase": "bought_again"},
            amounts={"spend": "amount_next_12_weeks"},
            keys="SELECT DISTINCT CAST(customer AS BIGINT) AS key, 0 AS stratum FROM ("
                 "SELECT \"Customer ID\" AS customer FROM '{data}/online_retail/online_retail_II_2009_2010.parquet' UNION "
                 "SELECT CustomerID FROM '{data}/online_retail/online_retail.parquet') "
                 "WHERE customer IS NOT NULL ORDER BY key"),
    )
}
