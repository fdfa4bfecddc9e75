"""Golden values of the decoder families beside GPT-2 and Llama (those are in models.py), from transformers on small random models.

    python tests/golden/families.py            (versions: requirements.txt) writes families/VARIANT.json
    python tests/golden/families.py FOLDER     checks that transformers gives the golden logits for the checkpoints that gadfly saved
                                               as FOLDER/VARIANT: FAMILIES_FOLDER=FOLDER vitest run src/engine/models/families.test.ts

Weights, sequences, logits, log-probabilities and greedy continuations are those of models.py.  The gradient g of the weighted sum is
kept as four numbers a parameter, not whole: its norm and its products with the first three of the sequences
    r_k[i] = 4 x_i, x of models.py for the name "projection K of NAME"
of uniform values in [-1, 1).  Two gradients that differ by d differ in each product by about |d| / sqrt(3).

Windows are shorter than the sequences, so that they hide something in every one of them.
VARIANT.json of a classifier holds "logits" a sequence and the gradient of the sum of models.py's classifier.
"""
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
from models import LENGTHS, NEW, fill, sequences, uniform
from safetensors import safe_open
from transformers import (AutoModelForCausalLM, AutoModelForSequenceClassification, Gemma2Config, Gemma2ForCausalLM,
                          Gemma2ForSequenceClassification, Gemma3ForCausalLM, Gemma3TextConfig,
                          Gemma3TextForSequenceClassification, GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel,
                          GPTNeoXConfig, GPTNeoXForCausalLM, GPTNeoXForSequenceClassification, LlamaConfig, LlamaForCausalLM, MistralConfig,
                          MistralForCausalLM, MistralForSequenceClassification, OPTConfig, OPTForCausalLM,
                          OPTForSequenceClassification, Phi3Config, Phi3ForCausalLM, Phi3ForSequenceClassification, Qwen2Config,
                          Qwen2ForCausalLM, Qwen2ForSequenceClassification, Qwen3Config, Qwen3ForCausalLM,
                          Qwen3ForSequenceClassification, SmolLM3Config, SmolLM3ForCausalLM, SmolLM3ForSequenceClassification)

OUT = pathlib.Path(__file__).parent / "families"
SHAPE = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=48, bos_token_id=0, eos_token_id=0, pad_token_id=None)
GROUPED = dict(SHAPE, num_key_value_heads=2)
ATTENTION = "eager"
NEOX = dict(SHAPE, rope_parameters={"rope_type": "default", "rope_theta": 1000.0, "partial_rotary_factor": 0.5})
OPT = dict(vocab_size=64, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=48,
           bos_token_id=0, eos_token_id=0, pad_token_id=None, dropout=0.0)
GEMMA = dict(GROUPED, head_dim=16, num_hidden_layers=3, query_pre_attn_scalar=24, sliding_window=5)
LONG = dict(rope_type="longrope", short_factor=[1.0, 1.3], long_factor=[2.0, 5.0])


def gemma3(**more) -> Gemma3TextConfig:
    return Gemma3TextConfig(**GEMMA, sliding_window_pattern=3, rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}, **more)


YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=12)
# Head sizes that are no multiple of 8: 2, 5, 12, 20 and 100.
CONFIGS = {
    "gpt2-heads-of-12": (GPT2LMHeadModel, GPT2Config(vocab_size=64, n_positions=48, n_embd=24, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0,
                                                     resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)),
    "gpt2-heads-of-5": (GPT2LMHeadModel, GPT2Config(vocab_size=64, n_positions=48, n_embd=15, n_layer=1, n_head=3, bos_token_id=0, eos_token_id=0,
                                                    resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)),
    "gpt-neox-heads-of-20": (GPTNeoXForCausalLM, GPTNeoXConfig(**{**SHAPE, "hidden_size": 40, "num_attention_heads": 2}, rope_parameters={
        "rope_type": "default", "rope_theta": 1000.0, "partial_rotary_factor": 0.2})),
    "opt-heads-of-12": (OPTForCausalLM, OPTConfig(**{**OPT, "hidden_size": 24, "num_attention_heads": 2})),
    "llama-heads-of-2": (LlamaForCausalLM, LlamaConfig(**{**SHAPE, "hidden_size": 8})),
    "llama-heads-of-20": (LlamaForCausalLM, LlamaConfig(**GROUPED, head_dim=20, attention_bias=True, mlp_bias=True)),
    "llama-heads-of-100": (LlamaForCausalLM, LlamaConfig(**{**SHAPE, "hidden_size": 100, "num_attention_heads": 1, "num_hidden_layers": 1})),
    "gemma2-heads-of-12": (Gemma2ForCausalLM, Gemma2Config(**{**GEMMA, "head_dim": 12})),
    "qwen3-yarn": (Qwen3ForCausalLM, Qwen3Config(**GROUPED, head_dim=16, rope_parameters=YARN)),
    "llama-yarn": (LlamaForCausalLM, LlamaConfig(**GROUPED, rope_parameters={**YARN, "beta_fast": 4.0, "beta_slow": 0.5, "truncate": False,
                                                                             "mscale": 1.4, "mscale_all_dim": 0.7})),
    "llama-dynamic": (LlamaForCausalLM, LlamaConfig(**GROUPED, rope_parameters={"rope_type": "dynamic", "rope_theta": 1000.0, "factor": 2.0})),
    "qwen2-longrope": (Qwen2ForCausalLM, Qwen2Config(**{**GROUPED, "max_position_embeddings": 96}, rope_parameters={
        "rope_type": "longrope", "rope_theta": 1000.0, "short_factor": [1.0, 1.1, 1.3, 1.6], "long_factor": [2.0, 3.0, 4.0, 5.0],
        "original_max_position_embeddings": 48})),
    "gpt-neox": (GPTNeoXForCausalLM, GPTNeoXConfig(**NEOX)),
    "gpt-neox-serial-tied": (GPTNeoXForCausalLM, GPTNeoXConfig(**{**SHAPE, "num_attention_heads": 2}, use_parallel_residual=False,
                                                               attention_bias=False, tie_word_embeddings=True, hidden_act="gelu_new")),
    "opt": (OPTForCausalLM, OPTConfig(**OPT)),
    "opt-norms-after": (OPTForCausalLM, OPTConfig(**OPT, do_layer_norm_before=False, word_embed_proj_dim=16)),
    "opt-without-biases": (OPTForCausalLM, OPTConfig(**OPT, enable_bias=False, tie_word_embeddings=False, _remove_final_layer_norm=True)),
    "mistral": (MistralForCausalLM, MistralConfig(**GROUPED, head_dim=16, sliding_window=6)),
    "mistral-no-window": (MistralForCausalLM, MistralConfig(**GROUPED, sliding_window=None, tie_word_embeddings=True)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**GROUPED, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1000.0})),
    "qwen2-window": (Qwen2ForCausalLM, Qwen2Config(**GROUPED, use_sliding_window=True, sliding_window=4, max_window_layers=1)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**GROUPED, head_dim=16)),
    "qwen3-window": (Qwen3ForCausalLM, Qwen3Config(**GROUPED, head_dim=8, attention_bias=True, tie_word_embeddings=True, use_sliding_window=True,
                                                   sliding_window=4, layer_types=["sliding_attention", "full_attention"])),
    "smollm3": (SmolLM3ForCausalLM, SmolLM3Config(**{**GROUPED, "num_hidden_layers": 4})),
    "smollm3-window": (SmolLM3ForCausalLM, SmolLM3Config(**GROUPED, no_rope_layers=[0, 1], use_sliding_window=True, sliding_window=5,
                                                         attention_bias=True, mlp_bias=True, tie_word_embeddings=False)),
    "phi3": (Phi3ForCausalLM, Phi3Config(**GROUPED, sliding_window=7)),
    "phi3-long": (Phi3ForCausalLM, Phi3Config(**{**GROUPED, "max_position_embeddings": 96}, original_max_position_embeddings=48,
                                              tie_word_embeddings=True, rope_parameters={**LONG, "rope_theta": 1000.0, "partial_rotary_factor": 0.5})),
    "gemma2": (Gemma2ForCausalLM, Gemma2Config(**GEMMA, attn_logit_softcapping=1.5, final_logit_softcapping=4.0)),
    "gemma2-uncapped": (Gemma2ForCausalLM, Gemma2Config(**GEMMA, attn_logit_softcapping=None, final_logit_softcapping=None,
                                                        attention_bias=True, tie_word_embeddings=False)),
    "gemma3-text": (Gemma3ForCausalLM, gemma3()),
    "gemma3-text-capped": (Gemma3ForCausalLM, gemma3(final_logit_softcapping=4.0, attention_bias=True)),
    "gpt2-classifier": (GPT2ForSequenceClassification, GPT2Config(vocab_size=64, n_positions=48, n_embd=32, n_layer=2, n_head=2, num_labels=3,
                                                                  resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)),
    "gpt-neox-classifier": (GPTNeoXForSequenceClassification, GPTNeoXConfig(**NEOX, num_labels=3)),
    "opt-classifier": (OPTForSequenceClassification, OPTConfig(**OPT, word_embed_proj_dim=16, num_labels=3)),
    "mistral-classifier": (MistralForSequenceClassification, MistralConfig(**GROUPED, sliding_window=6, num_labels=3)),
    "qwen2-classifier": (Qwen2ForSequenceClassification, Qwen2Config(**GROUPED, num_labels=3)),
    "qwen3-classifier": (Qwen3ForSequenceClassification, Qwen3Config(**GROUPED, head_dim=16, num_labels=3)),
    "smollm3-classifier": (SmolLM3ForSequenceClassification, SmolLM3Config(**GROUPED, no_rope_layers=[1, 0], num_labels=3)),
    "phi3-classifier": (Phi3ForSequenceClassification, Phi3Config(**GROUPED, num_labels=3)),
    "gemma2-classifier": (Gemma2ForSequenceClassification, Gemma2Config(**GEMMA, num_labels=3)),
    "gemma3-text-classifier": (Gemma3TextForSequenceClassification, gemma3(num_labels=3)),
}


def on_disk(model) -> dict[str, str]:
    """The name that each parameter has in a file, where that is another."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        with safe_open(f"{folder}/model.safetensors", "pt") as file:
            saved = set(file.keys())
    names = {n for n, _ in model.named_parameters()}
    other = saved - names
    return {n: "embed_out.weight" if n == "lm_head.weight" and "embed_out.weight" in other else n for n in names}


class Renamed:
    """A model whose parameters go by their names on disk."""

    def __init__(self, model):
        self.model, self.names = model, on_disk(model)

    def named_parameters(self):
        return [(self.names[n], p) for n, p in self.model.named_parameters()]


def digits(values) -> list[float]:
    return [float(f"{v:.8g}") for v in values]


def summary(name: str, gradient: torch.Tensor) -> list[float]:
    g = gradient.double().flatten().numpy()
    products = [float(g @ (4 * uniform(f"projection {k} of {name}", g.size).astype(np.float64))) for k in range(3)]
    return [float(f"{v:.10g}") for v in (float(np.linalg.norm(g)), *products)]


def logits_of(model, ids: list[int]) -> torch.Tensor:
    return model(torch.tensor([ids])).logits[0]


def write(name: str, model) -> None:
    renamed = Renamed(model)
    fill(renamed)
    rows = sequences(name)
    config = json.loads(model.config.to_json_string(use_diff=True))
    golden = {"config": {**config, "model_type": model.config.model_type, "architectures": [type(model).__name__]}, "sequences": rows}
    loss = torch.zeros(())
    if name.endswith("classifier"):
        golden["logits"] = []
        for k, ids in enumerate(rows):
            logits = logits_of(model, ids)
            golden["logits"].append(digits(logits.tolist()))
            loss = loss + sum((k + 1 - c) * logits.log_softmax(-1)[c] for c in range(3))
    else:
        golden["logits"], golden["logProbs"], golden["greedy"] = [], [], []
        for ids in rows:
            logits = logits_of(model, ids)
            golden["logits"].append([digits(row) for row in logits.tolist()])
            log_probs = logits[:-1].log_softmax(-1).gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
            golden["logProbs"].append(digits(log_probs.tolist()))
            loss = loss + (log_probs * torch.tensor([1 + 0.1 * t for t in range(len(ids) - 1)])).sum()
            out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=NEW,
                                 do_sample=False, eos_token_id=None, pad_token_id=0)
            golden["greedy"].append(out[0, len(ids):].tolist())
    golden["weightedSum"] = loss.item()
    loss.backward()
    golden["parameters"] = {n: list(p.shape) for n, p in renamed.named_parameters()}
    golden["gradients"] = {n: summary(n, p.grad) for n, p in renamed.named_parameters()}
    (OUT / f"{name}.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def check(folder: pathlib.Path) -> None:
    for saved in sorted(folder.iterdir()):
        source = OUT if (OUT / f"{saved.name}.json").exists() else OUT.parent / "models"
        golden = json.loads((source / f"{saved.name}.json").read_text())
        auto = AutoModelForSequenceClassification if saved.name.endswith("classifier") else AutoModelForCausalLM
        model, info = auto.from_pretrained(saved, attn_implementation=ATTENTION, output_loading_info=True)
        lists = {key: sorted(names) for key, names in info.items() if names}
        model.config.pad_token_id = None
        expected = [torch.tensor(logits) for logits in golden["logits"]]
        with torch.no_grad():
            off = max(float((logits_of(model, ids) - want).abs().max() / want.abs().max()) for ids, want in zip(golden["sequences"], expected))
        print(f"{saved.name}: {off:.1e}", lists or "")
        if off > 1e-5 or any(lists.values()):
            sys.exit(f"{saved.name}: transformers reads another model")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    assert max(LENGTHS) + NEW <= 48
    for name, (kind, config) in CONFIGS.items():
        torch.manual_seed(0)
        config._attn_implementation = ATTENTION
        write(name, kind(config).eval())


if __name__ == "__main__":
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        check(pathlib.Path(sys.argv[1]))
    else:
        main()
