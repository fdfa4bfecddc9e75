"""Writes tests/golden/clopperPearson/limits.json: one-sided limits of Clopper and Pearson by scipy's quantile of the beta
distribution, and values of the regularised incomplete beta function.

Usage: python tests/golden/clopperPearson.py   (pins: tests/golden/requirements.txt)
"""
import json
from pathlib import Path

from scipy.special import betainc
from scipy.stats import beta

TRIALS = [(0, 1), (1, 1), (0, 20), (1, 20), (10, 20), (20, 20), (3, 1000), (997, 1000), (0, 100000), (7, 100000),
          (50000, 100000), (12, 1000000)]
LEVELS = [0.9, 0.95, 0.98333, 0.999]
POINTS = [(0.01, 0.5, 3), (0.5, 2, 2), (0.9, 10, 3), (0.003, 4, 997), (0.5, 5000, 5000), (0.52, 5000, 5000), (1e-6, 1, 1e5)]


def low(k, n, level):
    return 0.0 if k == 0 else float(beta.ppf(1 - level, k, n - k + 1))


def high(k, n, level):
    return 1.0 if k == n else float(beta.ppf(level, k + 1, n - k))


limits = [{"successes": k, "n": n, "level": level, "low": low(k, n, level), "high": high(k, n, level)}
          for k, n in TRIALS for level in LEVELS]
values = [{"x": x, "a": a, "b": b, "value": float(betainc(a, b, x))} for x, a, b in POINTS]
folder = Path(__file__).parent / "clopperPearson"
folder.mkdir(exist_ok=True)
(folder / "limits.json").write_text(json.dumps({"limits": limits, "incompleteBeta": values}, indent=1) + "\n")
