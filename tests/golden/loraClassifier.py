"""Golden values of PEFT's SEQ_CLS adapters on the classifiers of encoders.py and models.py, with heads of their own.

    python tests/golden/loraClassifier.py        (versions: requirements.txt)

Writes loraClassifier/VARIANT/ as PEFT saves the adapter (base_model_name_or_path "../base") and loraClassifier/VARIANT.json: sequences and
class logits with the adapter on.  Weights of the base by the formula of models.py, those of adapter and head drawn from a seed.
"""
import json
import pathlib

import encoders
import models
import torch
from models import fill
from peft import LoraConfig, get_peft_model

OUT = pathlib.Path(__file__).parent / "loraClassifier"
VARIANTS = {
    "bert": (encoders.VARIANTS["bert"], ["query", "value"]),
    "roberta": (encoders.VARIANTS["roberta"], ["key", "output.dense"]),
    "distilbert": (encoders.VARIANTS["distilbert"], ["q_lin", "lin1"]),
    "llama": (models.VARIANTS["llama-classifier"], ["q_proj", "down_proj"]),
}


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for name, (base, targets) in VARIANTS.items():
        base.eval()
        fill(base)
        base.config.pad_token_id = base.config.pad_token_id or 0
        base.name_or_path = base.config._name_or_path = "../base"
        model = get_peft_model(base, LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=3, target_modules=targets)).eval()
        generator = torch.Generator().manual_seed(len(name))
        with torch.no_grad():
            for p in model.parameters():
                if p.requires_grad:
                    p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
            rows = encoders.sequences(f"adapter of {name}")
            logits = [[float(f"{v:.8g}") for v in model(torch.tensor([ids])).logits[0].tolist()] for ids in rows]
        (OUT / f"{name}.json").write_text(json.dumps({"sequences": rows, "logits": logits}, separators=(",", ":")) + "\n")
        model.save_pretrained(OUT / name)
        (OUT / name / "README.md").unlink()


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    main()
