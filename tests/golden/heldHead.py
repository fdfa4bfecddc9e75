"""What transformers makes of a file whose vocabulary head is not what config.json says: heldHead/expected.json.

    python tests/golden/heldHead.py        (versions: requirements.txt)

Weights by the formula of models.py, under the names that the file has. For each case: the configuration, the names and shapes of the
stored tensors, three sequences and the logits that the reloaded model gives after each.

- "another head": tie_word_embeddings true beside a stored lm_head with other values: the stored head counts.
- "the same head": beside a stored copy of the table: nothing changes.
- "only the head": the table is missing and its head is there (safetensors.torch.save_model drops either): it is both.
"""
import json
import pathlib
import tempfile

import torch
from models import GPT2, LLAMA, fill, sequences, uniform
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).parent / "heldHead" / "expected.json"
NEOX = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=48,
            bos_token_id=0, eos_token_id=0)
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**{**LLAMA, "num_hidden_layers": 1}, tie_word_embeddings=True), "model.embed_tokens.weight", "lm_head.weight"),
    "gpt2": (GPT2LMHeadModel, GPT2Config(**{**GPT2, "n_layer": 1}), "transformer.wte.weight", "lm_head.weight"),
    "gpt_neox": (GPTNeoXForCausalLM, GPTNeoXConfig(**NEOX, tie_word_embeddings=True), "gpt_neox.embed_in.weight", "embed_out.weight"),
}
KINDS = ("another head", "the same head", "only the head")


def reload(name: str, kind: str) -> dict:
    cls, config, table, head = MODELS[name]
    model = cls(config).eval()
    fill(model)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        path = f"{folder}/model.safetensors"
        state = load_file(path)
        if kind == "another head":
            state[head] = torch.from_numpy(uniform(head, state[table].numel())).view(state[table].shape)
        elif kind == "the same head":
            state[head] = state[table].clone()
        else:
            state[head] = torch.from_numpy(uniform(head, state[table].numel())).view(state[table].shape)
            del state[table]
        save_file(state, path, metadata={"format": "pt"})
        raw = json.loads(pathlib.Path(f"{folder}/config.json").read_text())
        again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    rows = sequences(f"{name} {kind}")
    with torch.no_grad():
        logits = [[float(f"{v:.8g}") for v in again(torch.tensor([ids])).logits[0, -1].tolist()] for ids in rows]
    return {"config": raw, "table": table, "head": head, "parameters": {n: list(t.shape) for n, t in state.items()}, "sequences": rows, "logits": logits}


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    OUT.write_text(json.dumps({f"{name}: {kind}": reload(name, kind) for name in MODELS for kind in KINDS}, separators=(",", ":")) + "\n")
