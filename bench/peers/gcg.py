"""Greedy Coordinate Gradient with nanoGCG's own run: 64 candidates a step, their losses in one batch, no prefix cache.

The suffix begins with a space, so that its tokens are those that stand in the chat.  The tokenizer's BOS is taken away: where it is also the
mark that begins a message, as SmolLM2's, nanoGCG would take every such mark out of the template.
"""
import torch
from nanogcg.gcg import GCG, GCGConfig
from transformers import AutoModelForCausalLM, AutoTokenizer

from peer import give, median_seconds, read_options

options = read_options()
model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
tokenizer = AutoTokenizer.from_pretrained(options.model)
tokenizer.bos_token = None
config = GCGConfig(num_steps=options.steps, search_width=options.width, topk=options.topK, optim_str_init=" x" * options.suffixTokens,
                   seed=0, use_prefix_cache=False, verbosity="ERROR")
gcg = GCG(model, tokenizer, config)
candidates, tokens = 0, 0
score = gcg._compute_candidates_loss_original


def counted(batch: int, embeds: torch.Tensor) -> torch.Tensor:
    global candidates, tokens
    candidates, tokens = candidates + embeds.shape[0], embeds.shape[1]
    return score(batch, embeds)


gcg._compute_candidates_loss_original = counted


def call() -> None:
    global candidates
    candidates = -1  # the start
    gcg.run(options.message + "{optim_str}", options.targetText)


seconds = median_seconds(call, options.repeat)
give({"steps": options.steps / seconds, "candidates": candidates / seconds}, {"steps": options.steps, "tokens of a sequence": tokens}, nanogcg="0.3.0")
