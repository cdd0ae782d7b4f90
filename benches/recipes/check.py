"""The recipes on real transactions: Kindred's tables beside the same worked out by DuckDB or plain Python.

    check.py --data FOLDER [--kindred PROGRAM]

FOLDER holds `online_retail/online_retail.parquet` (UCI), `complete_journey/*.csv.gz` (CC0) and, if it is there,
`CDNOW_master.txt`. Every recipe is run by `kindred prepare` and read back; the other side is written here
from the recipe's definition: loops and sets instead of SQL, and for interests SQL of another engine. What differs ends the
program. The figures that it prints are those of docs/recipes.md. It needs duckdb and pyarrow.
"""

import argparse
import bisect
import json
import math
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow

ROOT = Path(__file__).resolve().parents[2]


class Recipes:
    """Runs recipes into a folder of their own."""

    def __init__(self, program, folder):
        self.program, self.folder, self.runs = program, folder, 0

    def prepare(self, recipe, table, order, **parameters):
        """The rows of a recipe's table as dicts."""
        self.runs += 1
        output = self.folder / f"made-{self.runs}"
        command = [self.program, "prepare", ROOT / f"examples/recipes/{recipe}.yaml", "--output", output, "--format", "json"]
        for name, value in parameters.items():
            command += ["--set", f"{name}={value}"]
        made = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if made.returncode:
            sys.exit(f"{recipe}: {made.stderr}")
        self.urls = {one["table"]: one["url"].removeprefix("file://") for one in json.loads(made.stdout)["tables"]}
        return self.table(table, order)

    def table(self, table, order):
        """A further table of the last recipe."""
        found = duckdb.sql(f"SELECT * FROM read_parquet('{self.urls[table]}/*.parquet') ORDER BY {order}")
        return [dict(zip(found.columns, row)) for row in found.fetchall()]


def same(what, found, expected):
    """Ends the program where rows differ; numbers may by a billionth."""
    if len(found) != len(expected):
        sys.exit(f"{what}: {len(found)} rows, not {len(expected)}")
    for one, other in zip(found, expected):
        for column, value in other.items():
            near = isinstance(value, float) and one[column] is not None and math.isclose(
                one[column], value, rel_tol=1e-9, abs_tol=1e-6)
            if not near and one[column] != value:
                sys.exit(f"{what}: {column} is {one[column]!r}, not {value!r}, in\n  {one}\n  {other}")


def tell(line):
    print(line, flush=True)


def by_customer(rows):
    """{customer: [(day, amount, ...)]} of rows that begin with customer, day, amount."""
    people = defaultdict(list)
    for customer, *rest in rows:
        people[customer].append(rest)
    return people


def finite(amount):
    return amount is not None and math.isfinite(amount)


def fifth(values, better):
    """1 + 5 times the share that does worse, without the fraction."""
    ranked = sorted(values) if better == "more" else sorted(-value for value in values)
    sign = 1 if better == "more" else -1
    return lambda value: 1 + 5 * bisect.bisect_left(ranked, sign * value) // len(ranked)


def check_rfm(recipes, name, rows, today, **parameters):
    window = 365
    habits = {}
    for customer, events in by_customer(rows).items():
        inside = [(day, amount) for day, amount, *_ in events if 1 <= (today - day).days <= window and finite(amount)]
        bought = {day for day, amount in inside if amount > 0}
        if bought:
            habits[customer] = ((today - max(bought)).days, len(bought), math.fsum(amount for _, amount in inside))
    r, f = fifth([h[0] for h in habits.values()], "less"), fifth([h[1] for h in habits.values()], "more")
    expected = [{"customer_id": customer, "recency_days": recency, "frequency": frequency, "monetary": monetary,
                 "r": r(recency), "f": f(frequency)} for customer, (recency, frequency, monetary) in sorted(habits.items())]
    found = recipes.prepare("rfm", "rfm", "customer_id", today=today, window_days=window, **parameters)
    same(f"rfm of {name}", found, expected)
    # Sums of floats may differ in their last digit, and with them a rank: scores for money are of the recipe's own sums.
    m = fifth([row["monetary"] for row in found], "more")
    for row in found:
        assert row["m"] == m(row["monetary"]) and row["cell"] == f"{row['r']}{row['f']}{row['m']}", row
    cells = Counter((row["r"], row["f"]) for row in found)
    same(f"cells of {name}", recipes.table("cells", "r DESC, f DESC"),
         [{"r": r, "f": f, "customers": count} for (r, f), count in sorted(cells.items(), reverse=True)])
    segments = Counter(row["segment"] for row in found)
    tell(f"rfm, {name}: {len(found):,} customers as of {today}; " + ", ".join(f"{s} {n:,}" for s, n in segments.most_common()))


def check_lifecycle(recipes, name, rows, today, **parameters):
    expected = []
    for customer, events in sorted(by_customer(rows).items()):
        known = [(day, amount) for day, amount, *_ in events if day < today and finite(amount)]
        bought = {day for day, amount in known if amount > 0}
        if not bought:
            continue
        first, last = (today - min(bought)).days, (today - max(bought)).days
        stage = "new" if first <= 30 else "active" if last <= 90 else "at_risk" if last <= 180 else "lost"
        expected.append({"customer_id": customer, "days_since_first": first, "days_since_last": last, "orders": len(bought),
                         "spent": math.fsum(amount for _, amount in known), "stage": stage})
    found = recipes.prepare("lifecycle", "lifecycle", "customer_id", today=today, **parameters)
    same(f"lifecycle of {name}", found, expected)
    stages = Counter(row["stage"] for row in expected)
    counted = {row["stage"]: row["customers"] for row in recipes.table("stages", "stage")}
    assert counted == stages, (counted, stages)
    tell(f"lifecycle, {name}: as of {today} " + ", ".join(f"{stage} {stages[stage]:,}" for stage in ["new", "active", "at_risk", "lost"]))


def check_labels(recipes, name, rows, today, **parameters):
    horizon, active = 90, 90
    cut_off, expected = today - timedelta(days=horizon), []
    for customer, events in sorted(by_customer(rows).items()):
        past = [(day, amount) for day, amount, *_ in events if day < cut_off and finite(amount)]
        later = [(day, amount) for day, amount, *_ in events if cut_off <= day < today and finite(amount)]
        before, after = {day for day, amount in past if amount > 0}, {day for day, amount in later if amount > 0}
        if before:
            recency = (cut_off - max(before)).days
            expected.append({
                "customer_id": customer, "recency_days": recency, "tenure_days": (cut_off - min(before)).days,
                "orders": len(before), "spent": math.fsum(amount for _, amount in past), "repurchased": bool(after),
                "churned": not after if recency <= active else None, "next_orders": len(after),
                "next_spend": max(math.fsum(amount for _, amount in later), 0.0)})
    found = recipes.prepare("labels", "labels", "customer_id", today=today, horizon_days=horizon, active_days=active, **parameters)
    same(f"labels of {name}", found, expected)
    known = [row for row in expected if row["churned"] is not None]
    again, lost = sum(row["repurchased"] for row in expected), sum(row["churned"] for row in known)
    tell(f"labels, {name}: as of {cut_off}, {horizon} days: {again:,} of {len(expected):,} bought again, "
         f"{lost:,} of {len(known):,} active ones churned, {sum(row['next_spend'] for row in expected):,.0f} spent")


def check_next_product(recipes, name, rows, today, **parameters):
    """`rows` are of customer, day, amount, product."""
    cut_off, expected = today - timedelta(days=90), []
    for customer, events in sorted(by_customer(rows).items()):
        daily = defaultdict(float)
        for day, amount, product in events:
            if product is not None and day < today and finite(amount) and amount > 0:
                daily[day, product] += amount
        past = sorted(((day, amount, product) for (day, product), amount in daily.items() if day < cut_off),
                      key=lambda one: (-one[0].toordinal(), -round(one[1], 6), one[2]))
        if not past:
            continue
        latest = list(dict.fromkeys(product for _, _, product in past))
        later = sorted(((day, -round(amount, 6), product) for (day, product), amount in daily.items() if day >= cut_off))
        new = [product for *_, product in later if product not in set(latest)]
        expected.append({"customer_id": customer, "recency_days": (cut_off - past[0][0]).days, "distinct_products": len(latest),
                         "last_product": latest[0], "products": latest[:20],
                         "next_product": later[0][2] if later else None, "next_new_product": new[0] if new else None})
    found = recipes.prepare("next_product", "next_products", "customer_id", today=today, horizon_days=90, **parameters)
    same(f"next product of {name}", found, expected)
    nexts = Counter(row["next_product"] for row in expected if row["next_product"] is not None)
    new = sum(row["next_new_product"] is not None for row in expected)
    top = ", ".join(f"{product} {count:,}" for product, count in nexts.most_common(3))
    tell(f"next product, {name}: {sum(nexts.values()):,} of {len(expected):,} customers bought within 90 days, {new:,} of them "
         f"something new; most often {top}")


def check_related(recipes, name, rows, today, least, **parameters):
    """`rows` are of basket, day, amount, category."""
    baskets = defaultdict(set)
    for basket, day, amount, category in rows:
        if basket is not None and category is not None and 1 <= (today - day).days <= 365 and finite(amount) and amount > 0:
            baskets[basket].add(category)
    alone, both = Counter(), Counter()
    for categories in baskets.values():
        alone.update(categories)
        both.update((a, b) for a in categories for b in categories if a != b)
    expected = []
    for category in sorted(alone):
        pairs = [(both[category, other] / alone[category] / (alone[other] / len(baskets)), both[category, other], other)
                 for other in alone if both[category, other] >= least]
        pairs.sort(key=lambda pair: (-pair[0], -pair[1], pair[2]))
        expected += [{"category": category, "place": place, "related": other, "baskets": count, "lift": lift,
                      "support": count / len(baskets), "confidence": count / alone[category]}
                     for place, (lift, count, other) in enumerate(pairs[:10], 1)]
    found = recipes.prepare("related", "related", "category, place", today=today, min_baskets=least, **parameters)
    same(f"related of {name}", found, expected)
    best = max(expected, key=lambda row: (row["baskets"] * row["lift"] > 0, row["lift"]))
    tell(f"related, {name}: {len(baskets):,} baskets, {len(alone):,} categories, {len(expected):,} related; the highest lift "
         f"{best['lift']:.1f} is of {best['category']} and {best['related']} in {best['baskets']} baskets")


STAGES = ["none", "aware", "appeal", "act", "advocate"]


def check_four_a(recipes, name, rows, before, today, **parameters):
    """`rows` are of customer, day, action: exposure, click, purchase."""
    of_action = {"exposure": 1, "click": 2, "purchase": 3}

    def stages(as_of):
        reached = {}
        for customer, events in by_customer(rows).items():
            inside = [(day, action) for day, action in events if 1 <= (as_of - day).days <= 90]
            if inside:
                days = {day for day, action in inside if action == "purchase"}
                reached[customer] = 4 if len(days) >= 2 else max(of_action[action] for _, action in inside)
        return reached

    then, now = stages(before), stages(today)
    expected = [{"customer_id": customer, "stage_before": STAGES[then.get(customer, 0)], "stage": STAGES[now.get(customer, 0)]}
                for customer in sorted(then.keys() | now.keys())]
    found = recipes.prepare("four_a", "stages", "customer_id", before=before, today=today, **parameters)
    same(f"stages of {name}", found, expected)
    flow = Counter((row["stage_before"], row["stage"]) for row in expected)
    left = Counter(row["stage_before"] for row in expected)
    same(f"flow of {name}", sorted(recipes.table("flow", "customers"), key=lambda row: (row["stage_before"], row["stage"])),
         [{"stage_before": a, "stage": b, "customers": count, "share": count / left[a]} for (a, b), count in sorted(flow.items())])
    moves = [("aware", "act"), ("appeal", "act"), ("act", "advocate"), ("advocate", "advocate"), ("advocate", "none")]
    tell(f"four A, {name}: {before} to {today}: " + ", ".join(
        f"{a} to {b} {flow[a, b]:,} of {left[a]:,}" for a, b in moves if left[a]))


def check_interest(recipes, name, rows, today, **parameters):
    """`rows` are of customer, day, category. By DuckDB."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE events (customer_id BIGINT, day DATE, category VARCHAR)")
    table = {"c": [row[0] for row in rows], "d": [row[1].isoformat() for row in rows], "k": [row[2] for row in rows]}
    arrow = pyarrow.table(table)
    connection.register("arrow", arrow)
    connection.execute("INSERT INTO events SELECT c, CAST(d AS DATE), k FROM arrow")
    connection.execute(f"""CREATE TABLE counted AS
        SELECT customer_id, category, max(day) AS latest, count_if(day >= DATE '{today}' - 7) AS fresh,
               count_if(day < DATE '{today}' - 7) AS standing
        FROM events WHERE day < DATE '{today}' AND day >= DATE '{today}' - 180 AND category IS NOT NULL AND customer_id IS NOT NULL
        GROUP BY ALL""")
    interests = connection.sql("""SELECT customer_id, category, fresh AS fresh_events, standing AS standing_events,
        CASE WHEN standing = 0 THEN 'new' WHEN fresh = 0 THEN 'fading' WHEN fresh * 173 >= 2 * standing * 7 THEN 'rising'
             ELSE 'steady' END AS trend FROM counted ORDER BY ALL""")
    expected = [dict(zip(interests.columns, row)) for row in interests.fetchall()]
    found = recipes.prepare("interest", "interests", "customer_id, category", today=today, **parameters)
    same(f"interests of {name}", found, expected)
    strongest = connection.sql("""SELECT customer_id,
        (SELECT category FROM counted AS c WHERE c.customer_id = p.customer_id AND fresh > 0
         ORDER BY fresh DESC, latest DESC, category LIMIT 1) AS fresh_category,
        (SELECT category FROM counted AS c WHERE c.customer_id = p.customer_id AND standing > 0
         ORDER BY standing DESC, latest DESC, category LIMIT 1) AS standing_category
        FROM (SELECT DISTINCT customer_id FROM counted) AS p ORDER BY customer_id""")
    people = [dict(zip(strongest.columns, row)) for row in strongest.fetchall()]
    found = recipes.table("customers", "customer_id")
    same(f"strongest interests of {name}", found, people)
    shifted = sum(row["has_shifted"] is True for row in found)
    both = sum(row["has_shifted"] is not None for row in found)
    trends = Counter(row["trend"] for row in expected)
    tell(f"interest, {name}: {len(expected):,} interests of {len(found):,} customers as of {today}; " +
         ", ".join(f"{trend} {trends[trend]:,}" for trend in ["new", "rising", "steady", "fading"]) +
         f"; {shifted:,} of {both:,} with both have shifted")


def online_retail(recipes, data):
    path, today = data / "online_retail/online_retail.parquet", date(2011, 12, 10)
    columns = {"transactions": path, "customer": "CAST(CustomerID AS BIGINT)", "time": "InvoiceDate", "amount": "Quantity * UnitPrice"}
    select = f"SELECT {{}}, CAST(InvoiceDate AS DATE), Quantity * UnitPrice{{}} FROM '{path}'"
    read = lambda key, more="": duckdb.sql(select.format(key, more)).fetchall()
    customer = "CAST(CustomerID AS BIGINT)"
    people = [row for row in read(customer) if row[0] is not None]
    check_rfm(recipes, "Online Retail", people, today, **columns)
    check_lifecycle(recipes, "Online Retail", people, today, **columns)
    check_labels(recipes, "Online Retail", people, today, **columns)
    products = [row for row in read(customer, ", StockCode") if row[0] is not None]
    check_next_product(recipes, "Online Retail", products, today, product="StockCode", **columns)
    # The first three digits of a stock code are the nearest thing to a category there.
    of_three = "substr(StockCode, 1, 3)"
    del columns["customer"]
    check_related(recipes, "Online Retail", read("InvoiceNo", f", {of_three}"), today, 200, basket="InvoiceNo", category=of_three,
                  **columns)


def complete_journey(recipes, data):
    folder, today = data / "complete_journey", date(2018, 1, 1)
    purchases = f"'{folder}/transactions_sample.csv.gz'"
    joined = (f"SELECT household_id, basket_id, CAST(transaction_timestamp AS DATE) AS day, sales_value, product_category "
              f"FROM {purchases} LEFT JOIN '{folder}/products.csv.gz' USING (product_id)")
    events = recipes.folder / "journey.parquet"
    duckdb.sql(f"COPY ({joined}) TO '{events}' (FORMAT parquet)")
    rows = duckdb.sql(f"SELECT * FROM '{events}'").fetchall()
    columns = {"transactions": events, "time": "day", "amount": "sales_value"}
    people = [(household, day, amount) for household, _, day, amount, _ in rows]
    check_rfm(recipes, "Complete Journey", people, today, customer="household_id", **columns)
    check_lifecycle(recipes, "Complete Journey", people, today, customer="household_id", **columns)
    check_labels(recipes, "Complete Journey", people, today, customer="household_id", **columns)
    products = [(household, day, amount, category) for household, _, day, amount, category in rows]
    check_next_product(recipes, "Complete Journey", products, today, customer="household_id", product="product_category", **columns)
    baskets = [(basket, day, amount, category) for _, basket, day, amount, category in rows]
    check_related(recipes, "Complete Journey", baskets, today, 20, basket="basket_id", category="product_category", **columns)
    looked = [(household, day, category) for household, _, day, _, category in rows]
    check_interest(recipes, "Complete Journey", looked, today, events=events, customer="household_id", time="day",
                   category="product_category")
    touched = recipes.folder / "touched.parquet"
    duckdb.sql(f"""COPY (
        SELECT household_id, start_date AS day, 'exposure' AS action
        FROM '{folder}/campaigns.csv.gz' JOIN '{folder}/campaign_descriptions.csv.gz' USING (campaign_id)
        UNION ALL SELECT household_id, redemption_date, 'click' FROM '{folder}/coupon_redemptions.csv.gz'
        UNION ALL SELECT household_id, CAST(transaction_timestamp AS DATE), 'purchase' FROM {purchases}) TO '{touched}' (FORMAT parquet)""")
    check_four_a(recipes, "Complete Journey", duckdb.sql(f"SELECT * FROM '{touched}'").fetchall(), date(2017, 10, 1), today,
                 events=touched, customer="household_id", time="day")


def cdnow(recipes, path):
    today, table = date(1998, 7, 1), recipes.folder / "cdnow.csv"
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    rows = [(customer, date(int(day[:4]), int(day[4:6]), int(day[6:])), float(spent)) for customer, day, _, spent in rows]
    table.write_text("customer_id,date,amount\n" + "".join(f"{customer},{day},{spent}\n" for customer, day, spent in rows))
    check_rfm(recipes, "CDNOW", rows, today, transactions=table)
    check_lifecycle(recipes, "CDNOW", rows, today, transactions=table)
    check_labels(recipes, "CDNOW", rows, today, transactions=table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--kindred", default=ROOT / "target/debug/kindred")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recipes = Recipes(arguments.kindred, Path(folder))
        online_retail(recipes, arguments.data)
        complete_journey(recipes, arguments.data)
        for path in [arguments.data / "CDNOW_master.txt", ROOT / ".setup/cdnow/CDNOW_master.txt"]:
            if path.exists():
                cdnow(recipes, path)
                break
    tell(f"{recipes.runs} runs of recipes: every row is the same")


main()
