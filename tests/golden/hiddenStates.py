"""Golden values of states by layer, from transformers' output_hidden_states on the small random models of models.py, families.py and
encoders.py (configurations, weights and sequences are in their goldens).

    python tests/golden/hiddenStates.py        (versions: requirements.txt)

Writes hiddenStates/states.json: VARIANT → by sequence, by layer (embeddings first, the last after the final norm): the state of the last
token and the mean over all tokens. Each sequence is run alone, without padding.
"""
import json
import pathlib

import torch

import encoders
import families
import models

OUT = pathlib.Path(__file__).parent / "hiddenStates"
FAMILIES = ["gpt-neox", "gpt-neox-serial-tied", "opt", "opt-norms-after", "mistral", "qwen2", "qwen3", "smollm3", "phi3", "gemma2", "gemma3-text"]


def states(model, rows) -> list:
    out = []
    for ids in rows:
        layers = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        out.append([{"last": families.digits(x[0, -1].tolist()), "mean": families.digits(x[0].mean(0).tolist())} for x in layers])
    return out


def main() -> None:
    OUT.mkdir(exist_ok=True)
    golden = {}
    with torch.no_grad():
        for name in ["gpt2", "llama-tied"]:
            model = models.VARIANTS[name].eval()
            models.fill(model)
            golden[f"models/{name}"] = states(model, models.sequences(name))
        for name in FAMILIES:
            torch.manual_seed(0)
            kind, config = families.CONFIGS[name]
            config._attn_implementation = families.ATTENTION
            model = kind(config).eval()
            models.fill(families.Renamed(model))
            golden[f"families/{name}"] = states(model, models.sequences(name))
        for name, model in encoders.VARIANTS.items():
            model.eval()
            models.fill(model)
            golden[f"encoders/{name}"] = states(model, encoders.sequences(name))
    (OUT / "states.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
