"""An IPO step over pairs as an ordinary padded batch: a row a completion, its whole dialogue before it, padded to the longest; the frozen
reference reads the same rows without gradients. Clip, then fused AdamW over every weight. float32.
"""
import json

import torch
from transformers import AutoModelForCausalLM

from peer import give, median_seconds, read_options

options = read_options()
with open(options.pairs, encoding="utf-8") as file:
    pairs = json.load(file)
policy = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).train()
reference = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
optimizer = torch.optim.AdamW(policy.parameters(), lr=options.learningRate, weight_decay=0.0, fused=True)


def padded(rows: list[tuple[list[int], list[int]]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """ids [B, T], which are there [B, T], which belong to a completion [B, T]."""
    longest = max(len(prefix) + len(completion) for prefix, completion in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    there, counts = torch.zeros_like(ids), torch.zeros(len(rows), longest, dtype=torch.bool)
    for row, (prefix, completion) in enumerate(rows):
        end = len(prefix) + len(completion)
        ids[row, :end] = torch.tensor(prefix + completion)
        there[row, :end] = 1
        counts[row, len(prefix):end] = True
    return ids, there, counts


def completion_log_probs(model, ids, there, counts) -> torch.Tensor:
    """Sum over the completion of a row, nats. [B]"""
    logits = model(input_ids=ids, attention_mask=there, use_cache=False).logits[:, :-1]
    chosen = logits.gather(-1, ids[:, 1:, None])[..., 0] - logits.logsumexp(-1)
    return (chosen * counts[:, 1:]).sum(-1)


batch = padded([(pair["prefix"], pair[side]) for side in ("chosen", "rejected") for pair in pairs])


def step() -> None:
    with torch.inference_mode():
        known = completion_log_probs(reference, *batch)
    chosen, rejected = (completion_log_probs(policy, *batch) - known).chunk(2)
    loss = ((chosen - rejected - 1 / (2 * options.beta)) ** 2).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


seconds = median_seconds(step, options.repeat)
tokens = sum(len(pair["chosen"]) + len(pair["rejected"]) for pair in pairs)
a_pair = seconds / len(pairs)  # with the reference, which it does not know otherwise
give({"secondsPerPair": a_pair, "secondsPerPairWithReference": a_pair}, {"pairs": len(pairs), "completion tokens": tokens})
