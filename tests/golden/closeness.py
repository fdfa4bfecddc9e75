"""Golden values for src/stats/closeness.ts: the diversity term of arXiv 2306.09442, mean over j != i of exp(-L1 / scale), by torch.

Usage: python tests/golden/closeness.py > tests/golden/closeness/closeness.json   (pins: tests/golden/requirements.txt)
"""
import json

import torch

torch.manual_seed(0)
cases = []
for count, width, scale in ((2, 3, 1.0), (7, 16, 5.0), (40, 64, 100.0)):
    points = torch.randn(count, width)
    points[count // 2] = points[0]
    distances = torch.cdist(points.double(), points.double(), p=1)
    near = torch.exp(-distances / scale)
    near.fill_diagonal_(0)
    pairs = distances[torch.tril_indices(count, count, -1).unbind()]
    cases.append({"scale": scale, "points": points.tolist(), "closeness": (near.sum(1) / (count - 1)).tolist(),
                  "median": torch.quantile(pairs[pairs > 0], 0.5).item() if (pairs > 0).any() else None})
print(json.dumps(cases))
