"""Golden values for the GGUF reader.

- blocks.json: random blocks of every element type and their f32 values, from the `gguf` package.
- llama.gguf, gpt2.gguf and their models.json: small random models written as llama.cpp's converter writes them (names, row order,
  transposition), quantised by the `gguf` package; the hash of every tensor and the configuration as transformers loads them.
- sentencePiece.gguf and sentencePiece.json: a SentencePiece BPE model trained here (as Llama 2's: identity normaliser, byte fallback),
  and the ids that the `sentencepiece` package gives for the texts of tokenizer/texts.json.
- rope.json: rope factors as llama.cpp's converter computes them.
- smollm2.json, with the path of that GGUF as argument: hash of every tensor of the real model, by the `gguf` package and transformers.

Run: python ggufFiles.py [SmolLM2-135M-Instruct.Q4_1.gguf]      (versions: requirements.txt)
"""
import base64
import hashlib
import io
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType as T
from gguf import GGUFReader, GGUFWriter, dequantize, quantize
from gguf.constants import GGML_QUANT_SIZES
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

OUT = Path(__file__).parent / "ggufFiles"
TOKENIZERS = Path(__file__).parent / "tokenizer"
TYPES = [T.F32, T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q4_K, T.Q5_K, T.Q6_K]
# Where the half-precision scales lie in a block of each type: random bytes there could be NaN or infinite, which no model holds.
SCALES = {T.Q8_0: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}


def encode(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array, dtype=np.float32).tobytes()).hexdigest()


def blocks():
    rng = np.random.default_rng(0)
    out = {}
    for kind in TYPES:
        elements, size = GGML_QUANT_SIZES[kind]
        count = 6 if elements == 256 else 40
        raw = rng.integers(0, 256, (count, size), dtype=np.uint8)
        if kind in SCALES:
            for at in SCALES[kind]:
                scales = (rng.standard_normal(count) * 10.0 ** rng.uniform(-8, 3, count)).astype(np.float16)
                scales[:3] = [0.0, -0.0, 6e-8]
                raw[:, at : at + 2] = scales.view(np.uint8).reshape(count, 2)
        else:
            values = rng.standard_normal(count).astype(np.float32)
            raw = quantize(values, kind).view(np.uint8).reshape(count, size)
        values = dequantize(raw.reshape(1, -1), kind)
        out[kind.name] = {"number": int(kind), "bytes": encode(raw), "values": encode(values.astype(np.float32))}
    return out


def interleave(weights, heads):
    """llama.cpp's `permute`: the two halves of each head's rotation become neighbours."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def add(writer, name, array, kind):
    array = np.ascontiguousarray(array, dtype=np.float32)
    if kind == T.F32:
        writer.add_tensor(name, array)
    else:
        writer.add_tensor(name, quantize(array, kind), raw_dtype=kind)


def add_byte_level_tokenizer(writer, kind, pre):
    rules = json.loads((TOKENIZERS / f"{kind}.json").read_text())
    vocabulary = dict(rules["model"]["vocab"])
    added = {a["content"]: a for a in rules["added_tokens"]}
    vocabulary.update({content: a["id"] for content, a in added.items()})
    tokens = sorted(vocabulary, key=vocabulary.get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([1 if t not in added else 3 if added[t]["special"] else 4 for t in tokens])
    writer.add_token_merges([" ".join(m) for m in rules["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_eot_token_id(0)
    writer.add_chat_template("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    return len(tokens)


def save(writer, path):
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama(path):
    writer = GGUFWriter(path, "llama")
    size = add_byte_level_tokenizer(writer, "smollm", "smollm")
    config = LlamaConfig(
        vocab_size=size, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=128, rms_norm_eps=1e-5, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
    )
    torch.manual_seed(1)
    state = {name: t.numpy() for name, t in LlamaForCausalLM(config).state_dict().items()}
    writer.add_block_count(2)
    writer.add_context_length(128)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(100000.0)
    writer.add_rope_dimension_count(16)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(size)
    rng = np.random.default_rng(2)
    add(writer, "token_embd.weight", state["model.embed_tokens.weight"], T.Q8_0)
    add(writer, "output_norm.weight", rng.standard_normal(64), T.F32)
    for i, kinds in enumerate([(T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.F16, T.BF16, T.Q8_0), (T.F32, T.F32, T.F16, T.F32, T.Q4_1, T.Q8_0, T.Q5_1)]):
        hf, g = f"model.layers.{i}.", f"blk.{i}."
        q, k, v, o, gate, up, down = kinds
        add(writer, g + "attn_q.weight", interleave(state[hf + "self_attn.q_proj.weight"], 4), q)
        add(writer, g + "attn_k.weight", interleave(state[hf + "self_attn.k_proj.weight"], 2), k)
        add(writer, g + "attn_v.weight", state[hf + "self_attn.v_proj.weight"], v)
        add(writer, g + "attn_output.weight", state[hf + "self_attn.o_proj.weight"], o)
        add(writer, g + "ffn_gate.weight", state[hf + "mlp.gate_proj.weight"], gate)
        add(writer, g + "ffn_up.weight", state[hf + "mlp.up_proj.weight"], up)
        add(writer, g + "ffn_down.weight", state[hf + "mlp.down_proj.weight"], down)
        add(writer, g + "attn_norm.weight", rng.standard_normal(64), T.F32)
        add(writer, g + "ffn_norm.weight", rng.standard_normal(64), T.F32)
    save(writer, path)


def gpt2(path):
    writer = GGUFWriter(path, "gpt2")
    size = add_byte_level_tokenizer(writer, "gpt2", "gpt-2")
    config = GPT2Config(vocab_size=size, n_positions=1024, n_embd=32, n_layer=2, n_head=4)
    torch.manual_seed(3)
    state = {name: t.numpy() for name, t in GPT2LMHeadModel(config).state_dict().items()}
    rng = np.random.default_rng(4)
    writer.add_block_count(2)
    writer.add_context_length(1024)  # transformers keeps its own default of positions, 1024, whatever the file says
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-5)
    names = {"attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
    add(writer, "token_embd.weight", state["transformer.wte.weight"], T.Q8_0)
    add(writer, "position_embd.weight", state["transformer.wpe.weight"], T.Q8_0)
    for i in range(2):
        hf, g = f"transformer.h.{i}.", f"blk.{i}."
        for name, target in names.items():
            add(writer, f"{g}{target}.weight", state[f"{hf}{name}.weight"].T, [T.Q4_0, T.F32][i])
            add(writer, f"{g}{target}.bias", rng.standard_normal(state[f"{hf}{name}.bias"].shape), T.F32)
        for target in ("attn_norm", "ffn_norm"):
            add(writer, f"{g}{target}.weight", rng.standard_normal(32), T.F32)
            add(writer, f"{g}{target}.bias", rng.standard_normal(32), T.F32)
    add(writer, "output_norm.weight", rng.standard_normal(32), T.F32)
    add(writer, "output_norm.bias", rng.standard_normal(32), T.F32)
    save(writer, path)


CONFIG = set(
    "model_type vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim hidden_act"
    " max_position_embeddings rms_norm_eps tie_word_embeddings rope_parameters attention_bias mlp_bias bos_token_id eos_token_id"
    " n_positions n_embd n_layer n_head activation_function layer_norm_epsilon".split()
)


def as_transformers_loads(path):
    model = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32)
    tied = model.config.tie_word_embeddings
    tensors = {
        name: {"shape": list(t.shape), "sha256": digest(t.numpy())}
        for name, t in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }
    kept = {k: v for k, v in model.config.to_dict().items() if k in CONFIG}
    return {"config": kept, "tensors": tensors}


def sentence_piece(path):
    import sentencepiece

    import tokenizer  # tokenizer.py beside this file

    stream = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(tokenizer.TRAINING), model_writer=stream, model_type="bpe", vocab_size=900, byte_fallback=True, split_digits=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, character_coverage=0.98,
        user_defined_symbols=["<tool_call>"], minloglevel=2, hard_vocab_limit=False,
    )
    sp = sentencepiece.SentencePieceProcessor(model_proto=stream.getvalue())
    writer = GGUFWriter(path, "llama")
    n = sp.get_piece_size()
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([sp.id_to_piece(i) for i in range(n)])
    writer.add_token_scores([sp.get_score(i) for i in range(n)])
    kinds = [2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else 5 if sp.is_unused(i) else 1 for i in range(n)]
    kinds[sp.piece_to_id("<tool_call>")] = 4
    writer.add_token_types(kinds)
    writer.add_bos_token_id(sp.bos_id())
    writer.add_eos_token_id(sp.eos_id())
    writer.add_unk_token_id(sp.unk_id())
    writer.add_block_count(0)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    add(writer, "token_embd.weight", np.zeros((n, 32)), T.Q8_0)
    add(writer, "output_norm.weight", np.ones(32), T.F32)
    save(writer, path)
    expected = {}
    for name, text in tokenizer.texts().items():
        ids = sp.encode(text)
        expected[name] = {"ids": ids, "text": sp.decode(ids)}
    return expected


def rope_factors(theta, size, factor, low, high, original):
    """As in convert_hf_to_gguf.py (LlamaModel.generate_extra_tensors)."""
    freqs = 1.0 / (theta ** (torch.arange(0, size, 2, dtype=torch.float32) / size))
    out = []
    for freq in freqs:
        wavelength = 2 * math.pi / freq
        if wavelength < original / high:
            out.append(1)
        elif wavelength > original / low:
            out.append(factor)
        else:
            smooth = (original / wavelength - low) / (high - low)
            out.append(1 / ((1 - smooth) / factor + smooth))
    return [float(x) for x in torch.tensor(out, dtype=torch.float32)]


def rope():
    cases = [
        {"theta": 500000.0, "headSize": 128, "factor": 8.0, "low": 1.0, "high": 4.0, "original": 8192},
        {"theta": 500000.0, "headSize": 64, "factor": 32.0, "low": 1.0, "high": 4.0, "original": 8192},
        {"theta": 10000.0, "headSize": 128, "factor": 16.0, "low": 1.0, "high": 8.0, "original": 2048},
        {"theta": 10000.0, "headSize": 128, "factor": 4.0, "low": 2.0, "high": 5.0, "original": 4096},
    ]
    return [{**c, "factors": rope_factors(c["theta"], c["headSize"], c["factor"], c["low"], c["high"], c["original"])} for c in cases]


def real(path):
    """Twice hashed: in the file's order by the `gguf` package, in Hugging Face's by transformers."""
    raw = {t.name: digest(dequantize(t.data, t.tensor_type)) for t in GGUFReader(path).tensors}
    return {"gguf": raw, "transformers": {name: t["sha256"] for name, t in as_transformers_loads(Path(path))["tensors"].items()}}


def write(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    OUT.mkdir(exist_ok=True)
    if len(sys.argv) > 1:
        write("smollm2.json", real(sys.argv[1]))
        return
    write("blocks.json", blocks())
    write("rope.json", rope())
    llama(OUT / "llama.gguf")
    gpt2(OUT / "gpt2.gguf")
    write("models.json", {name: as_transformers_loads(OUT / f"{name}.gguf") for name in ("llama", "gpt2")})
    write("sentencePiece.json", sentence_piece(OUT / "sentencePiece.gguf"))


if __name__ == "__main__":
    main()
