"""One optimizer step with transformers: forward, cross-entropy on every position, backward, clip to norm 1, AdamW over every weight.

float32, the model's default attention, PyTorch's fused AdamW (its fastest on a CPU), random ids, no padding, no dropout.
"""
import torch
from transformers import AutoModelForCausalLM

from peer import give, median_seconds, read_options

options = read_options()
model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).train()
for module in model.modules():
    if isinstance(module, torch.nn.Dropout):  # GPT-2 has it; ours has none
        module.p = 0.0
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
figures, work = {}, {}

for batch, length in options.shapes:
    ids = torch.randint(0, model.config.vocab_size, (batch, length))

    def step() -> None:
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    shape = f"{batch}x{length}"
    figures[shape] = 1000 * median_seconds(step, options.repeat)
    work[f"tokens of {shape}"] = batch * length

give(figures, work)
