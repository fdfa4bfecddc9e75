"""Token ids where settings beside the rules change them, and of rules that JavaScript does otherwise by nature: tokenizerSettings/expected.json.

    python tests/golden/tokenizerSettings.py        (versions: requirements.txt)

Each case holds the files of a small tokenizer as a checkpoint has them and the ids that transformers' AutoTokenizer gives for difficult
texts, with special tokens and without.
"""
import json
import pathlib
import tempfile

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import decoders
from tokenizer import LLAMA3, TRAINING
from transformers import AutoTokenizer

OUT = pathlib.Path(__file__).parent / "tokenizerSettings" / "expected.json"
TEXTS = [
    "Two Geese and the SWANS", " leading and trailing  ", "Café cafe\u0301 Ångström A\u030a", "ΟΔΥΣΣΕΥΣ ΣΑΣ Σ. ÓΣ", "東京 𠮷野家", "It's WE'LL helloWorld HTTPServer 12345/\n/x",
    "a<s>b</s> c <pad>", "one\n\ntwo\u00a0\u3000three\u0085\ufefffour",
]
ADDED = TEXTS + [
    "sing a ring, ring", "ring_ ring1 éring ring\u0301", "x <L> y<L>\u0085<L>", "x<R> \n\u3000 y\ufeff", "a \ufeff<LR>\ufeff b", "the Old Harbour, the old harbour", "<N><R>  <L>",
    " <LR>  <LR> ", "<R> <L>",
]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
GPT4O = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def byte_level(pattern: str | None = None, normalizer=None, added=(), size: int = 330) -> Tokenizer:
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False) if pattern is None else pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    if normalizer is not None:
        t.normalizer = normalizer
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(TRAINING, trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                                        show_progress=False))
    t.add_tokens(list(added))
    return t


def word_piece(lowercase: bool) -> Tokenizer:
    """Letters alone: the trainer of words breaks ties at random."""
    letters = sorted({c for line in TRAINING + TEXTS for c in line + line.lower() if not c.isspace()})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters), "σ", "##σ"]
    t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(dict.fromkeys(words))}, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t


def named(**more) -> dict:
    return dict(bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>", **more)


def plain(t: Tokenizer) -> dict:
    model = json.loads(t.to_str())["model"]
    return {"vocab.json": json.dumps(model["vocab"], ensure_ascii=False), "merges.txt": "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in model["merges"])}


def roberta() -> Tokenizer:
    t = byte_level()
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return t


def with_bos() -> Tokenizer:
    t = byte_level()
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)])
    return t


STRIPS = [AddedToken("ring", single_word=True, normalized=False), AddedToken("<L>", lstrip=True, special=True, normalized=False),
          AddedToken("<R>", rstrip=True, normalized=False), AddedToken("<LR>", lstrip=True, rstrip=True, special=True, normalized=False), AddedToken("<N>", normalized=True),
          AddedToken("Old Harbour", normalized=True, single_word=True)]
FAST = dict(tokenizer_class="PreTrainedTokenizerFast")
CASES = {
    "added tokens that take white space or stand alone": (byte_level(added=STRIPS), named(**FAST), ADDED),
    "added tokens of a normaliser that lowers letters": (byte_level(normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]), added=STRIPS), named(**FAST), ADDED),
    "BERT: case kept by tokenizer_config.json": (word_piece(True), dict(tokenizer_class="BertTokenizer", do_lower_case=False), TEXTS),
    "BERT: case lowered by tokenizer_config.json": (word_piece(False), dict(tokenizer_class="BertTokenizer", do_lower_case=True), TEXTS),
    "BERT: accents and ideographs as tokenizer_config.json says": (word_piece(True), dict(tokenizer_class="DistilBertTokenizer", do_lower_case=True, strip_accents=False,
                                                                                     tokenize_chinese_chars=False), TEXTS),
    "RoBERTa: a space before the text by tokenizer_config.json": (roberta(), named(tokenizer_class="RobertaTokenizer", cls_token="<s>", sep_token="</s>", mask_token="<s>",
                                                                                   add_prefix_space=True), TEXTS),
    "GPT-2: a space before the text by tokenizer_config.json": (byte_level(), named(tokenizer_class="GPT2Tokenizer", add_prefix_space=True), TEXTS),
    "tokenizer.json that sets BOS, and add_bos_token false": (with_bos(), named(tokenizer_class="GPT2Tokenizer", add_bos_token=False), TEXTS),
    "plain GPT-2 vocabulary with add_bos_token": (plain(byte_level()), named(tokenizer_class="GPT2Tokenizer", add_bos_token=True), TEXTS),
    "plain GPT-2 vocabulary with add_bos_token and add_eos_token": (plain(byte_level()), named(tokenizer_class="GPT2Tokenizer", add_bos_token=True, add_eos_token=True,
                                                                                             add_prefix_space=True), TEXTS),
    "Qwen2's pattern, composed letters": (byte_level(LLAMA3.replace("{1,3}", ""), normalizers.NFC()), named(**FAST), TEXTS),
    "GPT-4o's pattern": (byte_level(GPT4O), named(**FAST), TEXTS),
}


def main() -> None:
    out = {}
    for name, (source, config, texts) in CASES.items():
        files = {**(source if isinstance(source, dict) else {"tokenizer.json": source.to_str()}), "tokenizer_config.json": json.dumps(config)}
        if isinstance(source, dict):
            files["config.json"] = json.dumps({"model_type": "opt" if "and add_eos" not in name else "gpt2"})
        with tempfile.TemporaryDirectory() as folder:
            for file, text in files.items():
                (pathlib.Path(folder) / file).write_text(text)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            rows = [{"text": t, "ids": tokenizer(t)["input_ids"], "bare": tokenizer(t, add_special_tokens=False)["input_ids"]} for t in texts]
        out[name] = {"files": files, "rows": rows}
    OUT.write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
