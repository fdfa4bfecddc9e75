"""Golden values of the model families, from transformers on small random models.

    python tests/golden/models.py        (versions: requirements.txt)

Writes models/VARIANT.json (configuration, sequences, logits, greedy continuations, the log-probabilities and their
weighted sum) and models/VARIANT.gradients.safetensors (gradient of that sum for every parameter, float32), and
models/directory/: one of them as transformers itself saves it.

Weights are not stored.  Value i of parameter NAME is
    x = murmur3_finalise(fnv1a32(NAME) + i * 0x9E3779B9 mod 2^32);  ((x >> 16) - 32768) / 2^17
in [-0.25, 0.25), exact in float32, plus 1 for the gains of norms (tests/golden does the same in TypeScript).
models/rope.json: inverse frequencies and tables of several rope settings, old and new spelling.
Each sequence is run alone, without padding, so these values owe nothing to padding or batching.
"""
import json
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM,
                          LlamaForSequenceClassification)
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

OUT = pathlib.Path(__file__).parent / "models"
GPT2 = dict(vocab_size=64, n_positions=48, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
LLAMA = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=48, bos_token_id=0, eos_token_id=0, pad_token_id=None)
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
VARIANTS = {
    "gpt2": GPT2LMHeadModel(GPT2Config(**GPT2)),
    "gpt2-untied-exact-gelu": GPT2LMHeadModel(GPT2Config(**GPT2, n_inner=40, layer_norm_epsilon=1e-3, activation_function="gelu",
                                                         scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False)),
    "llama-tied": LlamaForCausalLM(LlamaConfig(**LLAMA, tie_word_embeddings=True, head_dim=16,
                                               rope_parameters={"rope_type": "default", "rope_theta": 1000.0})),
    "llama-untied": LlamaForCausalLM(LlamaConfig(**{**LLAMA, "num_key_value_heads": 4}, rms_norm_eps=1e-3)),
    "llama3-biases": LlamaForCausalLM(LlamaConfig(**LLAMA, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                                                  rope_parameters={**LLAMA3, "rope_theta": 500.0})),
    "llama-linear-one-kv-head": LlamaForCausalLM(LlamaConfig(**{**LLAMA, "num_key_value_heads": 1}, hidden_act="gelu_pytorch_tanh",
                                                             rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0})),
    "llama-classifier": LlamaForSequenceClassification(LlamaConfig(**LLAMA, num_labels=3, tie_word_embeddings=True)),
}
LENGTHS = (11, 5, 17)
NEW = 16


ROPE = {
    "plain": dict(head_dim=16, max_position_embeddings=64, rope_theta=10000.0),
    "old keys": dict(head_dim=16, max_position_embeddings=64, rope_theta=500.0, rope_scaling={"type": "linear", "factor": 2.5}),
    "new keys": dict(head_dim=16, max_position_embeddings=64, rope_parameters={"rope_type": "linear", "factor": 2.5, "rope_theta": 500.0}),
    "Llama 3.1": dict(head_dim=128, max_position_embeddings=131072, rope_theta=500000.0, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    "Llama 3.2": dict(head_dim=64, max_position_embeddings=131072, rope_theta=500000.0, rope_scaling={
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    "dynamic": dict(head_dim=16, max_position_embeddings=64, rope_theta=10000.0, rope_scaling={"type": "dynamic", "factor": 4.0}),
    "Qwen2.5 yarn": dict(head_dim=128, max_position_embeddings=32768, rope_theta=1000000.0, rope_scaling={
        "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}),
    "yarn without a factor": dict(head_dim=64, max_position_embeddings=16384, rope_parameters={
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": None, "original_max_position_embeddings": 4096, "attention_factor": 1.25}),
    "yarn with mscale": dict(head_dim=64, max_position_embeddings=163840, rope_theta=10000.0, rope_scaling={
        "rope_type": "yarn", "factor": 40.0, "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 0.707,
        "original_max_position_embeddings": 4096}),
    "yarn without truncation": dict(head_dim=96, max_position_embeddings=131072, rope_theta=150000.0, rope_scaling={
        "rope_type": "yarn", "factor": 32.0, "beta_fast": 24.0, "beta_slow": 2.0, "truncate": False, "original_max_position_embeddings": 4096}),
}


def rope() -> dict:
    golden = {}
    for name, settings in ROPE.items():
        config = LlamaConfig(hidden_size=settings["head_dim"] * 2, num_attention_heads=2, **settings)
        module = LlamaRotaryEmbedding(config)
        positions = [0, 1, 7, settings["max_position_embeddings"] - 1]
        cos, sin = module(torch.zeros(1), torch.tensor([positions]))
        half = settings["head_dim"] // 2
        golden[name] = {"config": settings, "inverseFrequencies": module.inv_freq.tolist(), "positions": positions,
                        "cos": cos[0, :, :half].tolist(), "sin": sin[0, :, :half].tolist()}
    return golden


def fnv1a(text: str) -> int:
    h = 0x811C9DC5
    for byte in text.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


def uniform(name: str, length: int) -> np.ndarray:
    mask = np.uint64(0xFFFFFFFF)
    x = (np.uint64(fnv1a(name)) + np.arange(length, dtype=np.uint64) * np.uint64(0x9E3779B9)) & mask
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x ^= x >> np.uint64(shift)
        x = (x * np.uint64(factor)) & mask
    x ^= x >> np.uint64(16)
    return (((x >> np.uint64(16)).astype(np.float64) - 32768) / 2**17).astype(np.float32)


def fill(model) -> None:
    with torch.no_grad():
        for name, p in model.named_parameters():
            gain = 1.0 if p.ndim == 1 and name.endswith("weight") else 0.0
            p.copy_(torch.from_numpy(uniform(name, p.numel()) + np.float32(gain)).view(p.shape))


def sequences(name: str) -> list[list[int]]:
    return [[int(v) for v in (uniform(f"ids of {name} {i}", n) + 0.25) * 2 * 63 + 1] for i, n in enumerate(LENGTHS)]


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for name, model in VARIANTS.items():
        model.eval()
        fill(model)
        rows = sequences(name)
        golden = {"config": {**model.config.to_diff_dict(), "model_type": model.config.model_type,
                             "architectures": [type(model).__name__]}, "sequences": rows}
        loss = torch.zeros(())
        if "classifier" in name:
            logits = [model(torch.tensor([ids])).logits[0] for ids in rows]
            golden["logits"] = [[float(f"{v:.8g}") for v in l] for l in logits]
            for k, l in enumerate(logits):
                loss = loss + sum((k + 1 - c) * l.log_softmax(-1)[c] for c in range(3))
        else:
            golden["logits"], golden["logProbs"], golden["greedy"] = [], [], []
            for ids in rows:
                logits = model(torch.tensor([ids])).logits[0]
                golden["logits"].append([[float(f"{v:.8g}") for v in row] for row in logits.tolist()])
                log_probs = logits[:-1].log_softmax(-1).gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
                golden["logProbs"].append([float(f"{v:.8g}") for v in log_probs])
                loss = loss + (log_probs * torch.tensor([1 + 0.1 * t for t in range(len(ids) - 1)])).sum()
                out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=NEW,
                                     do_sample=False, eos_token_id=None, pad_token_id=0)
                golden["greedy"].append(out[0, len(ids):].tolist())
        golden["weightedSum"] = loss.item()
        loss.backward()
        gradients = {n: p.grad.contiguous() for n, p in model.named_parameters()}
        golden["parameters"] = {n: list(p.shape) for n, p in model.named_parameters()}
        save_file(gradients, OUT / f"{name}.gradients.safetensors")
        (OUT / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    (OUT / "rope.json").write_text(json.dumps(rope(), separators=(",", ":")) + "\n")
    VARIANTS["llama3-biases"].save_pretrained(OUT / "directory")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
