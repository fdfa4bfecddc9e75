"""A round of PPO by TRL 0.11's PPOTrainer: the value head lies on the policy. Scores are given, so that no judge counts.

Utterances are drawn by its `generate`, all queries at once; `step` does the rest: log-probabilities and values, the reference's log-probabilities,
rewards, advantages, `passes` epochs of minibatches. Its own optimizer (Adam). float32.
"""
import json
import time

import torch
import trl
from transformers import AutoTokenizer
from trl import AutoModelForCausalLMWithValueHead, PPOConfig, PPOTrainer

from peer import give, read_options

options = read_options()
with open(options.queries, encoding="utf-8") as file:
    queries = json.load(file)
tokenizer = AutoTokenizer.from_pretrained(options.model)
tokenizer.pad_token = tokenizer.eos_token


def open_model():
    return AutoModelForCausalLMWithValueHead.from_pretrained(options.model, dtype=torch.float32)


model, reference = open_model(), open_model()


def play(rows: list[dict], new_tokens: int, passes: int) -> dict:
    """Seconds of the parts of a round."""
    config = PPOConfig(
        batch_size=len(rows), mini_batch_size=min(options.batchSize, len(rows)), gradient_accumulation_steps=1, ppo_epochs=passes,
        learning_rate=options.learningRate, seed=0,
    )
    trainer = PPOTrainer(config, model, reference, tokenizer)
    steps, seconds = [], {}
    step_of, pass_of = trainer.train_minibatch, trainer.batched_forward_pass

    def timed_pass(*args, **kwargs):
        began = time.perf_counter()
        result = pass_of(*args, **kwargs)
        seconds["values"] = seconds.get("values", 0) + time.perf_counter() - began
        return result

    def counted_step(*args, **kwargs):
        steps.append(1)
        return step_of(*args, **kwargs)

    trainer.train_minibatch, trainer.batched_forward_pass = counted_step, timed_pass
    asked = [torch.tensor(row["ids"]) for row in rows]
    began = time.perf_counter()
    drawn = trainer.generate(
        asked, batch_size=len(asked), return_prompt=False, do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
        min_new_tokens=new_tokens, max_new_tokens=new_tokens, pad_token_id=tokenizer.pad_token_id,
    )
    spoken = time.perf_counter()
    trainer.step(asked, drawn, [torch.tensor(row["score"]) for row in rows])
    end = time.perf_counter()
    return {
        "whole": end - began, "rollout": spoken - began, "values": seconds["values"], "update": end - spoken - seconds["values"],
        "steps": len(steps), "tokens": sum(map(len, drawn)),
    }


play(queries[:2], 2, 1)  # uncounted
round_of = play(queries, options.newTokens, options.passes)
give(
    {key: round_of[key] for key in ("whole", "rollout", "values", "update")},
    {"utterances": len(queries), "drawn tokens": round_of["tokens"], "optimizer steps": round_of["steps"]},
    trl=trl.__version__,
)
