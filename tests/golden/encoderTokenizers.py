"""Golden token ids of encoders' tokenizers: WordPiece (BERT, with and without case) and byte-level BPE with <s> … </s> (RoBERTa) and without (GPT-2), given
as vocab.txt or as vocab.json and merges.txt, and what transformers makes of difficult texts with them.

    python tests/golden/encoderTokenizers.py        (versions: requirements.txt)

Writes encoderTokenizers/KIND/: the plain files as a checkpoint has them, and transformersTokenizer.json, the tokenizer.json that transformers
saves; and encoderTokenizers/expected.json, the ids by kind and text, special tokens included.  The WordPiece trainer breaks ties at random:
another run writes another vocabulary, with its ids.  Texts: tokenizer/texts.json and those below.
"""
import json
import pathlib
import tempfile

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

from tokenizer import TRAINING

HERE = pathlib.Path(__file__).parent
OUT = HERE / "encoderTokenizers"
MORE = {
    "masks": "a [MASK] b[MASK]c <mask> d<mask>e  <mask>",
    "specials spelled out": "[CLS] x [SEP] y [PAD] [UNK] <s> x </s> y <pad> <unk>",
    "cases": "İstanbul ǅ ΑΣ Σίσυφος ẞ ﬁn K Å",
    "controls inside words": "ge\u0000ese ge\u200dese ge\u00adese ge\ufffdese \u0007 \r\n x",
    "long words": "g" * 99 + " " + "g" * 100 + " " + "g" * 101,
}


def word_piece(cased: bool) -> list[str]:
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    lines = TRAINING if cased else [line.lower() for line in TRAINING]
    t.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=420, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    vocab = t.get_vocab()
    return sorted(vocab, key=vocab.get)


def write_word_piece(folder: pathlib.Path, cased: bool) -> None:
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in word_piece(cased)))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": not cased}) + "\n")


def write_byte_level(folder: pathlib.Path) -> None:
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(TRAINING, trainers.BpeTrainer(vocab_size=600, special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
                                                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    saved = json.loads(t.to_str())["model"]
    vocab = {**saved["vocab"], "<mask>": len(saved["vocab"])}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False) + "\n")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in saved["merges"]))
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta"}) + "\n")


def write_gpt2(folder: pathlib.Path) -> None:
    write_byte_level(folder)
    vocab = json.loads((folder / "vocab.json").read_text())
    named = {"<s>": "<|endoftext|>"}
    (folder / "vocab.json").write_text(json.dumps({named.get(token, token): i for token, i in vocab.items()}, ensure_ascii=False) + "\n")
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}) + "\n")


KINDS = {"uncased": lambda f: write_word_piece(f, False), "cased": lambda f: write_word_piece(f, True), "roberta": write_byte_level, "gpt2": write_gpt2}


def main() -> None:
    texts = {**json.loads((HERE / "tokenizer" / "texts.json").read_text()), **MORE}
    expected = {"texts": MORE, "ids": {}}
    for kind, write in KINDS.items():
        folder = OUT / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "transformersTokenizer.json").unlink(missing_ok=True)
        write(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        expected["ids"][kind] = {name: tokenizer(text)["input_ids"] for name, text in texts.items()}
        with tempfile.TemporaryDirectory() as saved:
            tokenizer.save_pretrained(saved)
            rules = json.loads((pathlib.Path(saved) / "tokenizer.json").read_text())
        (folder / "transformersTokenizer.json").write_text(json.dumps(rules, ensure_ascii=False, separators=(",", ":")) + "\n")
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
