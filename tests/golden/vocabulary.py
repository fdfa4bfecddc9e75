"""What transformers makes of the golden models when a special token is added.

    python tests/golden/vocabulary.py    (versions: requirements.txt) writes vocabulary/expected.json

For every causal language model of models/ and families/, with the weights of models.py: the token is added to a tokenizer of one token a
character, the embeddings are resized (mean_resizing=False), the new row of the input embedding and of a head of its own is set to the
mean of the old rows; logits at every position of a sequence that holds the new token.
"tokenizer": what transformers writes of it.
"""
import json
import pathlib
import tempfile

import torch
from families import Renamed
from models import fill, uniform
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
TOKEN = "[TOXIC]"


def character_tokenizer(size: int) -> PreTrainedTokenizerFast:
    rules = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None,
             "decoder": {"type": "Fuse"},
             "model": {"type": "BPE", "vocab": {chr(33 + i): i for i in range(size)}, "merges": [], "unk_token": None, "dropout": None,
                       "fuse_unk": False, "byte_fallback": False}}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(rules)))


def extended(config: dict, size: int):
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**{k: v for k, v in config.items() if k != "architectures"}),
                                             attn_implementation="eager").eval()
    fill(Renamed(model))
    old = config["vocab_size"]
    model.resize_token_embeddings(size, mean_resizing=False)
    tables = {id(table.weight): table.weight for table in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for weight in tables.values():
            weight[old:] = weight[:old].double().mean(0).float()
    return model


def main() -> None:
    golden = {"token": TOKEN, "models": {}}
    for path in sorted((HERE / "models").glob("*.json")) + sorted((HERE / "families").glob("*.json")):
        if "classifier" in path.name or path.name == "rope.json":
            continue
        config = json.loads(path.read_text())["config"]
        tokenizer = character_tokenizer(config["vocab_size"])
        tokenizer.add_special_tokens({"additional_special_tokens": [TOKEN]})
        text = "".join(chr(33 + int(v)) for v in (uniform(f"text of {path.stem}", 7) + 0.25) * 2 * 63 + 1)
        text = text[:4] + TOKEN + text[4:]
        ids = tokenizer.encode(text, add_special_tokens=False)
        with torch.no_grad():
            logits = extended(config, len(tokenizer))(torch.tensor([ids])).logits[0]
        golden["models"][path.stem] = {"text": text, "ids": ids, "logits": [[float(f"{v:.8g}") for v in row] for row in logits.tolist()]}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        golden["tokenizer"] = {"added_tokens": json.loads(pathlib.Path(folder, "tokenizer.json").read_text())["added_tokens"]}
    out = HERE / "vocabulary"
    out.mkdir(exist_ok=True)
    (out / "expected.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
