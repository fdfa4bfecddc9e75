"""Writes tests/golden/classification/scores.json: labels and scores drawn at random, some with many ties, with scikit-learn's ROC-AUC,
accuracy, confusion, precision and recall at 0.5, and the expected calibration error by numpy (10 bins, right edges closed).

Usage: python tests/golden/classification.py   (pins: tests/golden/requirements.txt)
"""
import json
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score, roc_auc_score


def calibration_error(labels, scores, bins=10):
    index = np.clip(np.ceil(scores * bins).astype(int) - 1, 0, bins - 1)
    return sum(abs(labels[index == b].mean() - scores[index == b].mean()) * (index == b).mean() for b in range(bins) if (index == b).any())


def main():
    draw = np.random.default_rng(0)
    cases = []
    for n, digits in ((8, 1), (40, 1), (40, 6), (200, 2)):
        labels = draw.random(n) < 0.4
        labels[:2] = [True, False]
        scores = np.round(np.clip(draw.normal(0.4 + 0.2 * labels, 0.25), 0, 1), digits)
        flagged = scores > 0.5
        (tn, fp), (fn, tp) = confusion_matrix(labels, flagged).tolist()
        cases.append({
            "labels": labels.tolist(),
            "scores": scores.tolist(),
            "rocAuc": float(roc_auc_score(labels, scores)),
            "accuracy": float(accuracy_score(labels, flagged)),
            "confusion": {"truePositive": tp, "falsePositive": fp, "trueNegative": tn, "falseNegative": fn},
            "precision": float(precision_score(labels, flagged)),
            "recall": float(recall_score(labels, flagged)),
            "expectedCalibrationError": float(calibration_error(labels, scores)),
        })
    folder = Path(__file__).parent / "classification"
    folder.mkdir(exist_ok=True)
    (folder / "scores.json").write_text(json.dumps(cases) + "\n")


main()
