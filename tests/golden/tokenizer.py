"""Golden token ids: small tokenizers of every kind that Gadfly loads, trained here, and what the native `tokenizers` library
makes of difficult texts. Writes tokenizer/KIND.json (the tokenizer) and tokenizer/expected.json.
With a GGUF of SmolLM2 as argument it also writes tokenizer/smollm2.json, the ids of the same texts with that vocabulary.

Run: python tokenizer.py [SmolLM2-135M-Instruct.Q4_1.gguf]      (versions: requirements.txt)
"""
import json
import random
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = Path(__file__).parent / "tokenizer"

TRAINING = [
    "The harbour master counted the boats, and the boats counted on the harbour master.",
    "Two geese, three swans and 12345 ducks: it's what we'll see; they're here, I've heard, and he'd stay.",
    "def add(left, right):\n    return left + right\n\n\nfor i in range(10):\n\tprint(add(i, 2 * i))",
    "Straße, café, naïve, Ångström, smörgåsbord; señor; l'été; čeština; Ελληνικά; русский язык.",
    "東京は日本の首都です。北京是中国的首都。서울은 대한민국의 수도이다.",
    "مرحبا بالعالم، שלום עולם, नमस्ते दुनिया, สวัสดีชาวโลก.",
    "👍🏽 👩‍👩‍👧‍👦 🎉🎉🎉 ☕️ → ∑ x² ≤ ½ · ∞",
    "  two spaces,    four spaces,        eight spaces\n\n\nthree newlines\t\ttabs",
    "https://example.org/path?query=1&other=two#fragment {\"key\": [1, 2.5, null]}",
] * 3

# (name, text): each a class of input in which two implementations have differed, or may.
TEXTS = {
    "empty": "",
    "space": " ",
    "plain": "The boats counted on the harbour master.",
    "contractions": "It's what WE'LL see; they're, I've, he'd, can't, 'tis, x's's",
    "digits": "1 12 123 1234 12345 3.14159 1,000,000 a1b22c333 v2.0.1",
    "newlines then digit": "\n\n1. first\n\n2. second",
    "two spaces then digit": "x  7 and   42",
    "other digits": "٣٤٥ १२३ １２３ x² x³ ½ ¾ Ⅷ ⅷ ① 〇 𝟘𝟙𝟚 ༠༡",
    "spaces": "a b  c   d    e     f          g ",
    "trailing spaces": "end   ",
    "newlines": "\n \n  \n\n\n\r\n\r\n end \n",
    "tabs": "\tone\t\ttwo \t three",
    "odd spaces": "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g\u180eh\u200bi\ufeffj",
    "byte order mark": "\ufeffstart \ufeff middle\ufeff",
    "next line": "\u0085\u0085 x\u0085",
    "emoji": "👍 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 ☕️ 1️⃣",
    "cjk": "東京は日本の首都です。北京是中国的首都。서울은 대한민국의 수도이다. 𠮷野家 豈",
    "right to left": "مرحبا بالعالم، שלום עולם ١٢٣",
    "indic and thai": "नमस्ते दुनिया สวัสดีชาวโลก",
    "combining": "e\u0301 n\u0303 a\u0308\u0304 \u0301 ﬁ Å Å",
    "code": "if (a!=b) { return x[i++]->y; } // \"quoted\" 'text' `tick` <tag attr=\"v\"/>",
    "indented code": "def f(x):\n    if x:\n        return 1\n\treturn 2",
    "markup": "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    "special in the middle": "one<|endoftext|>two <|endoftext|> three",
    "almost special": "<|im_start|<|im_start|>><|im_end",
    "other added": "a <tool_call>b</tool_call> c",
    "controls": "a\x00b\x01c\x1bd\x7fe\x80f\x9fg",
    "private and unassigned": "\ue000 \U000f0000 \U000e0001 \u0378 \uffff",
    "accents": "Straße café naïve Ångström ČEŠTINA Ǆ ß ẞ İ ı",
    "symbols": "→ ∑ ≤ ½ · ∞ § ¶ † ‡ … — – „“”‚‘’ « » № ™ ©",
    "long word": "a" * 300 + "b" * 70,
    "repeated punctuation": "!!! ??? ... ---- ==== ****",
    "underscores": "snake_case __init__ _ __ a_1",
    "metaspace mark": "▁a ▁▁b a▁b ▁",
    "letters of the byte alphabet": "Ġthe Ċ Ĉ ĠĠ Ń",
    "byte piece spelled out": "<0x0A> <0xff> <0x41>",
}

ALPHABET = list("abcdeIstlrv'''..,,!?-_ 0123456789\n\t\r") + [
    " ", "  ", "    ", "\n\n", "é", "ß", "ü", "Ġ", "▁", "東", "京", "です", "한", "م", "ש", "न", "्", "ส", "ั", "👍", "🏽", "\u200d", "👩", "\ufe0f",
    "\u00a0", "\u3000", "\u0085", "\ufeff", "\u200b", "½", "²", "Ⅷ", "٣", "१", "𝟘", "\u0301", "ﬁ", "𠮷", "the", "boat", "return", "'re", "'LL", "<|im_end|>",
]


def texts():
    rng = random.Random(7)
    out = dict(TEXTS)
    for i in range(80):
        out[f"random {i}"] = "".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, 40)))
    return out


SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_level(pre, size=700):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(
        TRAINING,
        trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
    )
    t.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False)])
    return t


def sentence_piece(metaspace):
    """Llama 2's rules (normaliser), or those of later SentencePiece conversions (Metaspace, with its splitting)."""
    pieces = [f"<0x{b:02X}>" for b in range(256)]
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=True)
    t.train_from_iterator(
        TRAINING,
        trainers.BpeTrainer(vocab_size=850, special_tokens=["<unk>", "<s>", "</s>", *pieces, *SPECIALS], limit_alphabet=70, show_progress=False),
    )
    j = json.loads(t.to_str())
    # The byte pieces are ordinary tokens in a real conversion, not added ones.
    j["added_tokens"] = [a for a in j["added_tokens"] if not a["content"].startswith("<0x")]
    if metaspace:
        j["decoder"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
    else:
        j["pre_tokenizer"] = None
        j["normalizer"] = {
            "type": "Sequence",
            "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}],
        }
        j["decoder"] = {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        }
    t = Tokenizer.from_str(json.dumps(j))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return t


def word_piece():
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(
        TRAINING, trainers.WordPieceTrainer(vocab_size=500, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False)
    )
    cls, sep = t.token_to_id("[CLS]"), t.token_to_id("[SEP]")
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    return t


def llama3():
    t = byte_level(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))
    j = json.loads(t.to_str())
    j["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(j))


KINDS = {
    "smollm": lambda: byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])),
    "gpt2": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "gpt2-prefix-space": lambda: byte_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=True)]), 600),
    "llama3": llama3,
    "llama": lambda: sentence_piece(False),
    "metaspace": lambda: sentence_piece(True),
    "bert": word_piece,
}


def expectations(t, samples):
    rows = {}
    for name, text in samples.items():
        ids = t.encode(text, add_special_tokens=False).ids
        whole = t.encode(text).ids
        row = {"ids": ids, "text": t.decode(ids), "textWithSpecials": t.decode(ids, skip_special_tokens=False)}
        if whole != ids:
            row["idsWithTemplate"] = whole
        if row["textWithSpecials"] == row["text"]:
            del row["textWithSpecials"]
        if row["text"] == text:
            del row["text"]
        rows[name] = row
    return rows


def random_ids(t):
    """Ids in no order: most are not UTF-8."""
    rng = random.Random(11)
    size = t.get_vocab_size()
    lists = [[rng.randrange(size) for _ in range(rng.randint(1, 12))] for _ in range(40)]
    return [{"ids": ids, "text": t.decode(ids), "textWithSpecials": t.decode(ids, skip_special_tokens=False)} for ids in lists]


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    OUT.mkdir(exist_ok=True)
    samples = texts()
    if len(sys.argv) > 1:
        write(OUT / "smollm2.json", {"vocabulary": 49152, "expected": expectations(smollm2(sys.argv[1]), samples)})
        return
    write(OUT / "texts.json", samples)
    expected = {}
    for kind, make in KINDS.items():
        t = make()
        (OUT / f"{kind}.json").write_text(t.to_str() + "\n")
        expected[kind] = {"texts": expectations(t, samples), "decoded": random_ids(t)}
    write(OUT / "expected.json", expected)


def smollm2(path):
    """The native tokenizer over the vocabulary and merges of the GGUF, with the pre-tokenizer the model was trained with."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = fields["tokenizer.ggml.merges"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    t = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[tuple(m.split(" ")) for m in merges]))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([AddedToken(token, normalized=False, special=True) for token, kind in zip(tokens, kinds) if kind == 3])
    return t


if __name__ == "__main__":
    main()
