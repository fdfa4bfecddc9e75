"""Trains against a Tinker-compatible server by the official SDK, which is asked for nothing but its public interface.

Usage: tinkerTraining.py URL KEY MODEL; prints one line of JSON. tinker 0.24.1, torch 2.15.0.
"""

import json
import os
import sys

os.environ["TINKER_TELEMETRY"] = "0"

import tinker
from tinker import types

url, key, model = sys.argv[1:4]
ids = [[5, 6, 7, 8, 9, 10], [20, 19, 18, 17]]
rate = types.AdamParams(learning_rate=2e-3, beta2=0.999, eps=1e-8, grad_clip_norm=1.0)


def datum(tokens, weights):
    inputs = {"target_tokens": tokens[1:]}
    if weights:
        inputs["weights"] = [0.0] + [1.0] * (len(tokens) - 2)
    return types.Datum(model_input=types.ModelInput.from_ints(tokens[:-1]), loss_fn_inputs=inputs)


def sft(client):
    losses = []
    for _ in range(16):
        passed = client.forward_backward([datum(each, True) for each in ids], "cross_entropy")
        client.optim_step(rate).result()
        losses.append(passed.result().metrics["loss:sum"])
    return losses


def ipo(data, logprobs):
    margin = logprobs[0][1:].sum() - logprobs[1][1:].sum()
    return (margin - 2.5) ** 2, {"residual": abs(margin.item() - 2.5)}


def custom(client):
    residuals = []
    for _ in range(16):
        passed = client.forward_backward_custom([datum(each, False) for each in ids], ipo).result()
        client.optim_step(rate).result()
        residuals.append(passed.metrics["residual"])
    return residuals


service = tinker.ServiceClient(base_url=url, api_key=key)
first = service.create_lora_training_client(base_model=model, rank=4, seed=1)
second = service.create_lora_training_client(base_model=model, rank=4, seed=1)
losses, residuals = sft(first), custom(second)
state = first.save_state("state").result().path
again = service.create_training_client_from_state_with_optimizer(state)
data = [datum(each, True) for each in ids]
sampler = first.save_weights_and_get_sampling_client()
prompt = types.ModelInput.from_ints(ids[0])
drawn = sampler.sample(prompt, 2, types.SamplingParams(max_tokens=4, seed=3), include_prompt_logprobs=True).result()
print(
    json.dumps(
        {
            "losses": losses,
            "residuals": residuals,
            "restored": again.forward(data, "cross_entropy").result().metrics["loss:sum"],
            "kept": first.forward(data, "cross_entropy").result().metrics["loss:sum"],
            "sampled": [len(each.tokens) for each in drawn.sequences],
            "scored": drawn.prompt_logprobs,
            "scoredAlone": sampler.compute_logprobs(prompt).result(),
        }
    )
)
