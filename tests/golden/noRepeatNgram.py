"""Golden values for src/engine/runtime/repeatedNgrams.ts: the tokens that transformers' NoRepeatNGramLogitsProcessor bans after
random rows of few different tokens.

    python tests/golden/noRepeatNgram.py > tests/golden/noRepeatNgram/banned.json
"""
import json

import torch
import transformers
from transformers.generation.logits_process import NoRepeatNGramLogitsProcessor

torch.manual_seed(0)
cases = []
for index in range(60):
    vocabulary = [2, 5, 12][index % 3]
    size = 1 + index % 4
    ids = torch.randint(0, vocabulary, (1, [0, 1, 3, 8, 20][index % 5]))
    scores = NoRepeatNGramLogitsProcessor(size)(ids, torch.zeros(1, vocabulary)) if ids.shape[1] > 0 else torch.zeros(1, vocabulary)
    cases.append(dict(size=size, ids=ids[0].tolist(), banned=[i for i, x in enumerate(scores[0].tolist()) if x == float("-inf")]))
print(json.dumps(dict(transformers=transformers.__version__, cases=cases)))
