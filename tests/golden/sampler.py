"""Golden values for src/engine/runtime/sampler.ts: the distribution after transformers' logits processors, in the order in which
generate() applies them, for random logits and settings, with ties among the logits. `-Infinity` is written as null.
The default torch.sort leaves the order of ties open, hence which of them top-p keeps; here it is the stable one.

    python tests/golden/sampler.py > tests/golden/sampler/distributions.json
"""
import functools
import json

import torch
import transformers
from transformers.generation import logits_process as lp

torch.manual_seed(0)
torch.sort = functools.partial(torch.sort, stable=True)
VOCABULARY = 61
cases = []


def settings(index):
    draw = torch.rand(8).tolist()
    return dict(
        temperature=[1.0, 0.7, 1.6, 0.2][int(draw[0] * 4)],
        topK=[0, 1, 5, 20, 200][int(draw[1] * 5)],
        topP=[1.0, 0.9, 0.7, 0.3, 0.01][int(draw[2] * 5)],
        minP=[0.0, 0.05, 0.3, 1.0][int(draw[3] * 4)] if draw[4] < 0.6 else 0.0,
        repetitionPenalty=[1.0, 1.3, 0.8][int(draw[5] * 3)],
        minNewTokens=[0, 3][int(draw[6] * 2)])


for index in range(60):
    s = settings(index)
    spread = [1.0, 3.0, 0.05][index % 3]
    logits = torch.randn(VOCABULARY) * spread
    if index % 4 == 0:  # ties
        logits = (logits * 2).round() / 2
    prompt = torch.randint(0, VOCABULARY, (1, 6))
    generated = torch.randint(0, VOCABULARY, (1, index % 5))
    ids = torch.cat([prompt, generated], dim=1)
    stop_ids = [3, 17]
    processors = []
    if s["repetitionPenalty"] != 1.0:
        processors.append(lp.RepetitionPenaltyLogitsProcessor(s["repetitionPenalty"]))
    if s["minNewTokens"] > 0:
        processors.append(lp.MinNewTokensLengthLogitsProcessor(prompt.shape[1], s["minNewTokens"], torch.tensor(stop_ids)))
    if s["temperature"] != 1.0:
        processors.append(lp.TemperatureLogitsWarper(s["temperature"]))
    if s["topK"] != 0:
        processors.append(lp.TopKLogitsWarper(s["topK"]))
    if s["topP"] < 1.0:
        processors.append(lp.TopPLogitsWarper(s["topP"]))
    if s["minP"] > 0.0:
        processors.append(lp.MinPLogitsWarper(s["minP"]))
    scores = logits[None]
    for processor in processors:
        scores = processor(ids, scores)
    log_probs = torch.log_softmax(scores.double(), dim=-1)[0]
    cases.append(dict(
        settings=s, stopIds=stop_ids, prompt=prompt[0].tolist(), generated=generated[0].tolist(), logits=logits.tolist(),
        raw=torch.log_softmax(logits.double(), dim=-1).tolist(),
        logProbs=[None if x == float("-inf") else x for x in log_probs.tolist()]))
print(json.dumps(dict(transformers=transformers.__version__, cases=cases)))
