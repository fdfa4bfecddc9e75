"""Golden values of soft tokens, from transformers' inputs_embeds on the small random models of models.py and families.py
(configurations and weights are in their goldens).

    python tests/golden/softTokens.py        (versions: requirements.txt)

Writes softTokens/golden.json: VARIANT → {"softRows", "items"}; an item has "prefix" and "completion" (ids; 64 + i is row i of the soft
table), and of transformers: "logits" after the prefix, "logProbs" of the completion, eight "greedy" tokens after the prefix, "states" of
the prefix's last token by layer; beside the items "gradient" [S, C] of the sum of (1 + t/10) log p(completion token t) over all of them.
Soft row values are those of models.py for the name "soft rows of VARIANT".

The table holds what a model's own table holds: what a family does to its embeddings (Gemma's factor) is done to soft rows as well.  A
prefix has its soft rows behind the first token, at position 0, in the middle, or at its end; items differ in length.  Greedy tokens are
generated from one batch, padded on the left; the script stops where its logits are not those of each prompt alone.
"""
import json
import pathlib

import torch

import families
import models

OUT = pathlib.Path(__file__).parent / "softTokens"
FAMILIES = ["gpt-neox", "gpt-neox-serial-tied", "opt", "opt-norms-after", "opt-without-biases", "mistral", "qwen2", "qwen2-window", "qwen3",
            "smollm3", "smollm3-window", "phi3", "gemma2", "gemma2-uncapped", "gemma3-text"]
V, ROWS, NEW = 64, 6, 8


def items(name: str) -> list[tuple[list[int], list[int]]]:
    a, b, c = models.sequences(name)
    s = [V + i for i in range(ROWS)]
    return [(a[:1] + s[0:2] + a[1:7], a[7:]), (s[2:4] + b[:3], b[3:] + a[:2]), (c[:9] + s[4:5] + c[9:11], c[11:]), (a[:6] + s[5:6] + s[0:1], b)]


def embed(model, soft: torch.Tensor, ids: list[int]) -> torch.Tensor:
    """[1, T, C] as inputs_embeds."""
    layer = model.get_input_embeddings()
    table = torch.cat([layer.weight, soft])
    return table[torch.tensor([ids])] * getattr(layer, "scalar_embed_scale", 1.0)


def golden(name: str, model) -> dict:
    width = model.get_input_embeddings().weight.shape[1]
    soft = torch.from_numpy(models.uniform(f"soft rows of {name}", ROWS * width)).view(ROWS, width).requires_grad_()
    out, loss = [], torch.zeros(())
    rows = items(name)
    for prefix, completion in rows:
        result = model(inputs_embeds=embed(model, soft, prefix + completion), output_hidden_states=True)
        last = len(prefix) - 1
        log_probs = result.logits[0, last:-1].log_softmax(-1).gather(-1, torch.tensor(completion)[:, None])[:, 0]
        loss = loss + (log_probs * torch.tensor([1 + 0.1 * t for t in range(len(completion))])).sum()
        out.append({"prefix": prefix, "completion": completion, "logits": families.digits(result.logits[0, last].tolist()),
                    "logProbs": families.digits(log_probs.tolist()), "states": [families.digits(x[0, last].tolist()) for x in result.hidden_states]})
    loss.backward()
    with torch.no_grad():
        longest = max(len(prefix) for prefix, _ in rows)
        padded = [[0] * (longest - len(prefix)) + prefix for prefix, _ in rows]
        mask = torch.tensor([[0] * (longest - len(prefix)) + [1] * len(prefix) for prefix, _ in rows])
        batch = torch.cat([embed(model, soft, ids) for ids in padded])
        result = model.generate(inputs_embeds=batch, attention_mask=mask, max_new_tokens=NEW, do_sample=False, eos_token_id=None,
                                pad_token_id=0, output_logits=True, return_dict_in_generate=True)
        for item, ids, first in zip(out, result.sequences, result.logits[0]):
            item["greedy"] = ids[-NEW:].tolist()
            off = float((first - torch.tensor(item["logits"])).abs().max() / first.abs().max())
            assert off < 1e-5, f"{name}: padding changes the logits by {off}"
    return {"softRows": ROWS, "items": out, "gradient": families.digits(soft.grad.flatten().tolist())}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    goldens = {}
    for name in ["gpt2", "llama-tied", "llama-untied", "llama3-biases"]:
        model = models.VARIANTS[name].eval()
        models.fill(model)
        goldens[name] = golden(name, model)
    for name in FAMILIES:
        torch.manual_seed(0)
        kind, config = families.CONFIGS[name]
        config._attn_implementation = families.ATTENTION
        model = kind(config).eval()
        models.fill(families.Renamed(model))
        goldens[f"../families/{name}"] = golden(name, model)
    (OUT / "golden.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
