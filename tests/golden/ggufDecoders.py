"""Golden GGUF files of the decoders of Llama's shape beside Llama: ggufDecoders/ARCHITECTURE.gguf and models.json with the hash of every
tensor and the whole configuration as transformers loads them from the file.

Written as llama.cpp's converter writes them: tensor names by the `gguf` package's own map, Gemma's gains plus 1.
Gemma's head size is 256 and Qwen3's 128, since transformers' loader takes what a file does not say (query_pre_attn_scalar) or it does
not read (key_length of Qwen3) from those defaults.

Run: python ggufDecoders.py      (versions: requirements.txt)
"""
import json
from pathlib import Path

import numpy as np
import torch
from gguf import MODEL_ARCH, GGUFWriter, get_tensor_name_map
from gguf import GGMLQuantizationType as T
from ggufFiles import add, digest, save
from transformers import (AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, Phi3Config,
                          Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

OUT = Path(__file__).parent / "ggufDecoders"
SHAPE = dict(vocab_size=40, hidden_size=64, intermediate_size=96, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=8192,
             rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=None)
ROPE = dict(rope_parameters={"rope_type": "default", "rope_theta": 50000.0})
MODELS = {
    "qwen2": (MODEL_ARCH.QWEN2, Qwen2ForCausalLM, Qwen2Config(**SHAPE, **ROPE, num_hidden_layers=2, tie_word_embeddings=False)),
    "qwen3": (MODEL_ARCH.QWEN3, Qwen3ForCausalLM, Qwen3Config(**SHAPE, **ROPE, num_hidden_layers=2, head_dim=128, tie_word_embeddings=True)),
    "phi3": (MODEL_ARCH.PHI3, Phi3ForCausalLM, Phi3Config(**SHAPE, **ROPE, num_hidden_layers=2)),
    "gemma2": (MODEL_ARCH.GEMMA2, Gemma2ForCausalLM, Gemma2Config(**SHAPE, **ROPE, num_hidden_layers=2)),
    "gemma3": (MODEL_ARCH.GEMMA3, Gemma3ForCausalLM, Gemma3TextConfig(**SHAPE, num_hidden_layers=2)),
}


def write(name: str, path: Path) -> None:
    arch, kind, config = MODELS[name]
    torch.manual_seed(len(name))
    model = kind(config)
    writer = GGUFWriter(path, name)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_freq_base(1000000.0 if name == "gemma3" else 50000.0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    if name in ("qwen3", "gemma2", "gemma3"):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if name.startswith("gemma"):
        writer.add_sliding_window(config.sliding_window)
    if name == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if name == "phi3":
        writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    names = get_tensor_name_map(arch, config.num_hidden_layers)
    rng = np.random.default_rng(len(name))
    for source, tensor in model.state_dict().items():
        if source == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = tensor.numpy() if tensor.ndim == 2 else rng.standard_normal(tensor.shape).astype(np.float32)
        if name.startswith("gemma") and source.endswith("norm.weight"):
            values = values + 1
        add(writer, names.get_name(source, try_suffixes=(".weight", ".bias")), values, T.Q8_0 if tensor.ndim == 2 else T.F32)
    save(writer, path)


def as_transformers_loads(path: Path) -> dict:
    model = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32)
    tied = model.config.tie_word_embeddings
    tensors = {n: {"shape": list(t.shape), "sha256": digest(t.numpy())} for n, t in model.state_dict().items() if not (tied and n == "lm_head.weight")}
    config = json.loads(model.config.to_json_string(use_diff=False))
    return {"config": {**config, "architectures": [type(model).__name__]}, "tensors": tensors}


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    models = {}
    for name in MODELS:
        write(name, OUT / f"{name}.gguf")
        models[name] = as_transformers_loads(OUT / f"{name}.gguf")
    (OUT / "models.json").write_text(json.dumps(models, separators=(",", ":")) + "\n")
