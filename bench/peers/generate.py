"""Sampling with transformers' model.generate: random prompts, exactly as many new tokens a row as asked for, temperature 1, nothing cut off."""
import torch
from transformers import AutoModelForCausalLM

from peer import give, median_seconds, read_options

options = read_options()
model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
figures = {}

for batch in options.batches:
    ids = torch.randint(0, model.config.vocab_size, (batch, options.promptTokens))

    def call() -> None:
        rows = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), pad_token_id=model.config.eos_token_id,
            do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
            min_new_tokens=options.newTokens, max_new_tokens=options.newTokens,
        )
        assert rows.shape == (batch, options.promptTokens + options.newTokens)

    figures[f"b{batch}"] = batch * options.newTokens / median_seconds(call, options.repeat)

give(figures, {"prompt tokens a row": options.promptTokens, "new tokens a row": options.newTokens})
