"""Golden values of the encoder families, from transformers on small random models.

    python tests/golden/encoders.py        (versions: requirements.txt)

Writes encoders/VARIANT.json (configuration, sequences, class logits, mean-pooled states, parameters) and
encoders/VARIANT.gradients.safetensors (gradient of the weighted sum of log-probabilities for every parameter, float32).
Weights by the formula of models.py. Each sequence is run alone, without padding, so these values owe nothing to padding or batching.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import (BertConfig, BertForSequenceClassification, DistilBertConfig, DistilBertForSequenceClassification,
                          RobertaConfig, RobertaForSequenceClassification)

from models import fill, uniform

OUT = pathlib.Path(__file__).parent / "encoders"
BERT = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_labels=3,
            max_position_embeddings=32)
VARIANTS = {
    "bert": BertForSequenceClassification(BertConfig(**BERT)),
    "roberta": RobertaForSequenceClassification(RobertaConfig(**BERT, type_vocab_size=1, layer_norm_eps=1e-5, hidden_act="gelu_new")),
    "distilbert": DistilBertForSequenceClassification(DistilBertConfig(vocab_size=64, dim=32, hidden_dim=48, n_layers=2, n_heads=2, num_labels=3,
                                                                       max_position_embeddings=32, activation="relu")),
}
LENGTHS = (11, 5, 17)


def sequences(name: str) -> list[list[int]]:
    """Ids 2 … 63: 0 and 1 are the padding ids of these families."""
    return [[int(v) for v in (uniform(f"ids of {name} {i}", n) + 0.25) * 2 * 61 + 2] for i, n in enumerate(LENGTHS)]


def rounded(values: list[float]) -> list[float]:
    return [float(f"{v:.8g}") for v in values]


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for name, model in VARIANTS.items():
        model.eval()
        fill(model)
        rows = sequences(name)
        logits = [model(torch.tensor([ids])).logits[0] for ids in rows]
        states = [model.base_model(torch.tensor([ids])).last_hidden_state[0].mean(0) for ids in rows]
        golden = {
            "config": {**model.config.to_diff_dict(), "model_type": model.config.model_type, "architectures": [type(model).__name__]},
            "sequences": rows,
            "logits": [rounded(row.tolist()) for row in logits],
            "means": [rounded(row.tolist()) for row in states],
            "parameters": {n: list(p.shape) for n, p in model.named_parameters()},
        }
        loss = sum((k + 1 - c) * row.log_softmax(-1)[c] for k, row in enumerate(logits) for c in range(3))
        loss.backward()
        save_file({n: p.grad.contiguous() for n, p in model.named_parameters()}, OUT / f"{name}.gradients.safetensors")
        (OUT / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
