"""Golden values of LoRA adapters, from PEFT on the small models of models.py.

    python tests/golden/lora.py                      (versions: requirements.txt)
    python tests/golden/lora.py check BASE ADAPTER LOGITS.json

Writes lora/VARIANT/ as PEFT saves the adapter, lora/VARIANT.json (settings, sequences, logits with the adapter on, weighted
sum) and lora/VARIANT.gradients.safetensors (gradients of lora_A and lora_B, named as in the adapter's own file).
Weights of base and adapter follow the formula of models.py, by parameter name; names without PEFT's wrapping.

`check` loads an adapter folder on a base folder with PEFT and compares logits with LOGITS.json ({"sequences", "logits"}).
"""
import json
import pathlib
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils.save_and_load import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from models import GPT2, LLAMA, fill, sequences, uniform

OUT = pathlib.Path(__file__).parent / "lora"
VARIANTS = {
    "llama-tied": (lambda: LlamaForCausalLM(LlamaConfig(**LLAMA, tie_word_embeddings=True, head_dim=16,
                                                        rope_parameters={"rope_type": "default", "rope_theta": 1000.0})),
                   dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "mlp.down_proj"])),
    "gpt2": (lambda: GPT2LMHeadModel(GPT2Config(**GPT2)),
             dict(r=3, lora_alpha=5, target_modules="all-linear", use_rslora=True, fan_in_fan_out=True)),
    "llama-pattern": (lambda: LlamaForCausalLM(LlamaConfig(**{**LLAMA, "num_key_value_heads": 4}, rms_norm_eps=1e-3)),
                      dict(r=2, lora_alpha=3, target_modules=r"model\.layers\.1\.(self_attn|mlp)\..*_proj")),
}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for name, (make, settings) in VARIANTS.items():
        base = make().eval()
        fill(base)
        base.name_or_path = base.config._name_or_path = "base"
        model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
        with torch.no_grad():
            for key, p in model.named_parameters():
                if "lora_" in key:
                    p.copy_(torch.from_numpy(uniform(plain(key), p.numel())).view(p.shape))
        rows = sequences(f"lora {name}")
        golden = {"settings": settings, "sequences": rows, "logits": []}
        loss = torch.zeros(())
        for ids in rows:
            logits = model(torch.tensor([ids])).logits[0]
            golden["logits"].append([[float(f"{v:.8g}") for v in row] for row in logits.tolist()])
            log_probs = logits[:-1].log_softmax(-1).gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
            loss = loss + (log_probs * torch.tensor([1 + 0.1 * t for t in range(len(ids) - 1)])).sum()
        golden["weightedSum"] = loss.item()
        loss.backward()
        save_file({plain(n): p.grad.contiguous() for n, p in model.named_parameters() if p.grad is not None}, OUT / f"{name}.gradients.safetensors")
        (OUT / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
        model.save_pretrained(OUT / name)
        (OUT / name / "README.md").unlink()
        assert {plain(k) for k in get_peft_model_state_dict(model)} == {plain(n).replace(".default", "") for n, p in model.named_parameters() if p.requires_grad}


def plain(name: str) -> str:
    return name.removeprefix("base_model.model.").replace(".default.", ".")


def check(base: str, adapter: str, expected: str) -> None:
    golden = json.loads(pathlib.Path(expected).read_text())
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()
    worst = 0.0
    with torch.no_grad():
        for ids, logits in zip(golden["sequences"], golden["logits"], strict=True):
            worst = max(worst, (model(torch.tensor([ids])).logits[0] - torch.tensor(logits)).abs().max().item())
    print(f"largest difference of logits: {worst:.3g}")
    sys.exit(0 if worst < 1e-3 else 1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    check(*sys.argv[2:]) if sys.argv[1:2] == ["check"] else main()
