"""The CDNOW features again, written without SQL: a sum and a count of every column of `examples` and `customers`.

    cdnow_oracle.py CDNOW_master.txt AS_OF UNTIL        (days as YYYY-MM-DD; prints JSON)
"""

import json
import math
import sys
from collections import defaultdict
from datetime import date
from statistics import fmean, pstdev


def read(path):
    with open(path) as lines:
        next(lines)
        for line in lines:
            customer, day, cds, dollars = line.split()
            yield customer, date(int(day[:4]), int(day[4:6]), int(day[6:])), int(cds), float(dollars)


def habits(days, as_of):
    """One customer's features; `days` is a list of (day, baskets, cds, dollars), ascending."""
    ages = [(as_of - day).days for day, *_ in days]
    gaps = [(later - earlier).days for (earlier, *_), (later, *_) in zip(days, days[1:])]
    money = [dollars for *_, dollars in days]
    cds = [cds for _, _, cds, _ in days]
    recent = lambda limit: [dollars for age, dollars in zip(ages, money) if age <= limit]
    return {
        "orders": len(days),
        "baskets": sum(baskets for _, baskets, *_ in days),
        "cds": sum(cds),
        "dollars": sum(money),
        "mean_order": fmean(money),
        "largest_order": max(money),
        "smallest_order": min(money),
        "order_deviation": pstdev(money),
        "dollars_per_cd": sum(money) / sum(cds) if sum(cds) else None,
        "first_order": money[0],
        "first_order_cds": cds[0],
        "last_order": money[-1],
        "last_order_cds": cds[-1],
        "recency_days": ages[-1],
        "tenure_days": ages[0],
        "active_days": ages[0] - ages[-1],
        "active_share": (ages[0] - ages[-1]) / ages[0],
        "mean_gap_days": fmean(gaps) if gaps else None,
        "longest_gap_days": max(gaps) if gaps else None,
        "shortest_gap_days": min(gaps) if gaps else None,
        "gap_deviation": pstdev(gaps) if gaps else None,
        "first_gap_days": gaps[0] if gaps else None,
        "last_gap_days": gaps[-1] if gaps else None,
        "gaps_since_last": ages[-1] / fmean(gaps) if gaps else None,
        "orders_a_month": 30 * len(days) / ages[0],
        "orders_4_weeks": len(recent(28)),
        "orders_13_weeks": len(recent(91)),
        "orders_26_weeks": len(recent(182)),
        "dollars_13_weeks": sum(recent(91)),
        "dollars_26_weeks": sum(recent(182)),
        "trend_13_weeks": 2 * len(recent(91)) - len(recent(182)),
        "weekend_share": fmean([float(day.isoweekday() >= 6) for day, *_ in days]),
        "last_to_mean": money[-1] / max(fmean(money), 1.0),
        "months": [min(age // 30, 9) for age in ages],
        "first_month": days[0][0].strftime("%Y-%m"),
    }


def main(path, as_of, until):
    as_of, until = date.fromisoformat(as_of), date.fromisoformat(until)
    baskets, outcomes = defaultdict(lambda: defaultdict(list)), defaultdict(list)
    for customer, day, cds, dollars in read(path):
        if day < as_of:
            baskets[customer][day].append((cds, dollars))
        elif day < until:
            outcomes[customer].append(dollars)
    rows = []
    for customer, days in sorted(baskets.items()):
        merged = [(day, len(of_day), sum(c for c, _ in of_day), sum(d for _, d in of_day)) for day, of_day in sorted(days.items())]
        row = habits(merged, as_of)
        row["bought_again"] = int(customer in outcomes)
        row["spend_next_39_weeks"] = sum(outcomes[customer]) if customer in outcomes else 0.0
        row["january"] = int(row.pop("first_month") == "1997-01")
        row["months_since_orders"] = sum(row.pop("months"))
        rows.append(row)
    best = sorted(outcomes, key=lambda customer: (-math.fsum(outcomes[customer]), customer))[:1000]
    figures = {name: [math.fsum(row[name] for row in rows if row[name] is not None),
                      sum(row[name] is not None for row in rows)] for name in rows[0]}
    print(json.dumps({"rows": len(rows), "best": sorted(best), "figures": figures}))


main(*sys.argv[1:])
