"""Writes tests/golden/agreement/coefficients.json: labels of several labellers, some missing, with Cohen's kappa of
scikit-learn (the first two labellers, items that both labelled), Fleiss' kappa of statsmodels (items that all labelled) and
Krippendorff's nominal alpha of the package krippendorff. Undefined values are null.

Labels are random draws: a true class per item, and labellers who give it with a chance of their own.
Usage: python tests/golden/agreement.py   (pins: tests/golden/requirements.txt)
"""
import json
import math
import random
import warnings
from pathlib import Path

import krippendorff
import numpy as np
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

warnings.filterwarnings("ignore")
CLASSES = ["rude", "polite", "neither"]


def defined(value):
    return None if value is None or math.isnan(value) else float(value)


def cohen(rows):
    both = [row for row in rows if row[0] is not None and row[1] is not None]
    return defined(cohen_kappa_score([r[0] for r in both], [r[1] for r in both])) if both else None


def fleiss(rows):
    full = [[CLASSES.index(label) for label in row] for row in rows if None not in row]
    return defined(fleiss_kappa(aggregate_raters(np.array(full))[0], method="fleiss")) if full else None


def alpha(rows):
    values = np.array([[np.nan if label is None else CLASSES.index(label) for label in row] for row in rows], dtype=float).T
    try:
        return defined(krippendorff.alpha(reliability_data=values, level_of_measurement="nominal"))
    except ValueError:  # one class only
        return None


def main():
    draw = random.Random(0)
    sets = []
    for items, labellers, classes, missing, skill in [
        (30, 2, 2, 0.0, 0.8), (30, 2, 3, 0.0, 0.6), (50, 2, 3, 0.3, 0.9), (25, 3, 2, 0.0, 0.7), (25, 5, 3, 0.0, 0.9),
        (40, 4, 3, 0.2, 0.5), (40, 4, 3, 0.5, 0.8), (12, 3, 3, 0.0, 0.0), (9, 2, 2, 0.0, 1.0), (10, 3, 1, 0.2, 1.0),
    ]:
        rows = []
        for _ in range(items):
            true = draw.choice(CLASSES[:classes])
            rows.append([
                None if draw.random() < missing else true if draw.random() < skill else draw.choice(CLASSES[:classes])
                for _ in range(labellers)
            ])
        sets.append(rows)
    cases = [{"labels": rows, "cohen": cohen(rows), "fleiss": fleiss(rows), "alpha": alpha(rows)} for rows in sets]
    folder = Path(__file__).parent / "agreement"
    folder.mkdir(exist_ok=True)
    (folder / "coefficients.json").write_text(json.dumps(cases) + "\n")


main()
