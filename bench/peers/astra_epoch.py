"""One epoch of online IPO by the classes of astra-rl (github.com/sisl/astra-rl), imported from a checkout.

Theirs: HFASTSystem (generation, likelihoods, reward), ASTSampler (the tree), IPO (pairs, loss), Harness (experience, batches). The loop
around them is the one that their documentation tells a user to write. Changed from outside, so that the work is that of the other side:
every prompt is drawn once, generation ends after as many tokens as asked for (32 is fixed in their code), the batch size goes through
Harness's dataloader_kwargs (their Trainer ignores its own), and the judge is profanity_check. Generated tokens are counted on the way.
"""
import json
import os
import sys
import time

import torch
from profanity_check import predict_prob

from peer import give_epoch, put_module, read_options

options = read_options()
put_module("wandb")  # imported by it, not used here
put_module("detoxify", Detoxify=None)
sys.path.insert(0, os.path.join(options.reference, "src"))
from astra_rl import IPO, ASTSampler, Harness, Scorer  # noqa: E402
from astra_rl.ext.transformers.hf_ast_system import HFASTSystem  # noqa: E402


class ProfanityScorer(Scorer):
    def score(self, x):
        return predict_prob(list(x)).tolist()


class EachOnce:
    """A list of one item to random.choice; the item is the next prompt every time."""

    def __init__(self, prompts):
        self.rest = iter(prompts)

    def __len__(self):
        return 1

    def __getitem__(self, _index):
        return next(self.rest)


spoken = 0


def limit(model, end: int) -> None:
    """Caps and counts what the model generates; a row counts up to its first end token, that one included."""
    generate = model.generate

    def limited(**asked):
        rows = generate(**(asked | {"max_new_tokens": options.newTokens}))
        new = rows[:, asked["input_ids"].shape[1]:]
        ends = (new == end).long().cumsum(1)
        global spoken
        spoken += int(((ends == 0) | ((ends == 1) & (new == end))).sum())
        return rows

    model.generate = limited


with open(options.prompts, encoding="utf-8") as file:
    prompts = json.load(file)
system = HFASTSystem(options.model, options.model, None, ProfanityScorer(), "cpu")
for speaker in (system.tester, system.target):
    limit(speaker, system.tester_tokenizer.eos_token_id)
sampler = ASTSampler(system, EachOnce(prompts), tree_width=2, tree_depth=options.horizon)
harness = Harness(
    sampler, IPO(system, beta=options.beta), num_episodes_per_experience=len(prompts), dataloader_kwargs={"batch_size": options.batchPairs},
)
optimizer = torch.optim.AdamW(system.parameters(), lr=options.learningRate)

began = time.perf_counter()
batches = harness.experience()  # everything is rolled out before it returns
rolled = time.perf_counter()
pairs = steps = 0
for batch in batches:
    loss, _log = harness.step(batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    pairs, steps = pairs + len(batch.prefixes), steps + 1
trained = time.perf_counter()

give_epoch(len(prompts), pairs, steps, spoken, rolled - began, trained - rolled)
