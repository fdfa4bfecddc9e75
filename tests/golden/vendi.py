"""Writes tests/golden/diversity/vendi.json: sets of vectors with their Vendi score (Friedman and Dieng 2023) over the cosine
kernel, the exponential of the entropy of the eigenvalues of K / n, by numpy's eigvalsh.

Vectors are normal draws, some around common directions, some repeated; sets have fewer and more vectors than elements.
Usage: python tests/golden/vendi.py   (pins: tests/golden/requirements.txt)
"""
import json
from pathlib import Path

import numpy as np


def vendi(vectors):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    eigenvalues = np.linalg.eigvalsh(unit @ unit.T / len(unit))
    positive = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-np.sum(positive * np.log(positive))))


def main():
    draw = np.random.default_rng(0)
    cases = []
    for count, width, spread in ((1, 3, 1.0), (2, 2, 1.0), (6, 12, 1.0), (12, 6, 1.0), (40, 8, 0.3), (25, 25, 0.1)):
        centres = draw.normal(size=(3, width))
        vectors = centres[draw.integers(3, size=count)] + spread * draw.normal(size=(count, width))
        if count >= 12:
            vectors[count // 2 :: 4] = vectors[0]
        vectors = np.round(vectors, 4)
        cases.append({"vectors": vectors.tolist(), "vendi": vendi(vectors)})
    folder = Path(__file__).parent / "diversity"
    folder.mkdir(exist_ok=True)
    (folder / "vendi.json").write_text(json.dumps(cases) + "\n")


main()
