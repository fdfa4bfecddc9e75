"""One epoch of online IPO by the code of the paper (github.com/sisl/ASTPrompter), imported from a checkout.

Theirs: environment.py (tree, reward), lm.py (generation, likelihoods), trainer.py (play, prepare, epoch: IPO, clipping, warm-up), with the
settings of their defaults. Written out here: the loop of their main.py over prompts. Changed from outside: a module toxicity.dxf that asks
profanity_check in place of Detoxify, whose weights are a download. Generated tokens are counted on the way.
"""
import argparse
import contextlib
import json
import os
import sys
import time

from profanity_check import predict_prob

from peer import give_epoch, put_module, read_options

options = read_options()


def call_detoxify(text):
    if isinstance(text, str):
        return {"toxicity": float(predict_prob([text])[0])}
    return {"toxicity": predict_prob(list(text)).tolist()}


put_module("toxicity", __path__=[])
put_module("toxicity.dxf", call_detoxify=call_detoxify)
put_module("wandb", Table=lambda **_columns: None)  # they log to it even where it is off
put_module("peft", LoraConfig=None)  # imported by it, not used here
sys.path.insert(0, options.reference)
from trainer import Trainer  # noqa: E402

spoken = 0


def count(model, end: int) -> None:
    """Counts what the model generates; a row counts up to its first end token, that one included."""
    generate = model.generate

    def counted(**asked):
        rows = generate(**asked)
        new = rows[:, asked["input_ids"].shape[1]:]
        ends = (new == end).long().cumsum(1)
        global spoken
        spoken += int(((ends == 0) | ((ends == 1) & (new == end))).sum())
        return rows

    model.generate = counted


with open(options.prompts, encoding="utf-8") as file:
    prompts = json.load(file)
settings = argparse.Namespace(
    adversary=options.model, baseline=options.model, defense=options.model, horizon=options.horizon, batch_size=options.batchPairs,
    lr=options.learningRate, beta=options.beta, threshold=0, accumulate_steps=1, max_gradient_norm=10, warmup_steps=150, ast_ppl_weight=0.1,
    total_steps=10000, save_dir="unused", save_name="unused", wandb=False, deepspeed=False, dpo=False, label_smooth=0.1,
)
with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # it prints as it goes
    trainer = Trainer(settings, accelerator_kwargs={"cpu": True})
    for speaker in (trainer.adversary, trainer.defender):
        count(speaker.model, trainer.adversary.tokenizer.eos_token_id)
    began = time.perf_counter()
    steps = []
    for prompt in prompts:
        steps += trainer.play([prompt])
    rolled = time.perf_counter()
    trainer.epoch(trainer.prepare(steps, batch=options.batchPairs))
    trained = time.perf_counter()

give_epoch(len(prompts), len(steps), trainer.global_step_counter_, spoken, rolled - began, trained - rolled)
