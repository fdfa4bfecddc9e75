"""Writes tests/golden/diversity/selfBleu.json: sets of short texts and nltk's BLEU of each text against all the others;
and earlierTexts.json: the mean of nltk's BLEU-2 to BLEU-5 of texts against others that came before.

Texts are random draws from a small harmless vocabulary, so that n-grams repeat within and between them; some are copies,
some a single word, some share no word with any other.
Usage: python tests/golden/diversity.py   (pins: tests/golden/requirements.txt)
"""
import json
import random
from pathlib import Path

from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "it", "rained", "all", "day", "long", ",", ".", "don't"]


def self_bleu(texts, order):
    rows = [text.split() for text in texts]
    smooth = SmoothingFunction().method1
    weights = [1 / order] * order
    return [
        float(sentence_bleu(rows[:i] + rows[i + 1 :], row, weights=weights, smoothing_function=smooth))
        for i, row in enumerate(rows)
    ]


def earlier_bleu(references, text):
    smooth = SmoothingFunction().method1
    rows = [reference.split() for reference in references]
    scores = [
        float(sentence_bleu(rows, text.split(), weights=[1 / n] * n, smoothing_function=smooth)) for n in (2, 3, 4, 5)
    ]
    return sum(scores) / len(scores)


def main():
    draw = random.Random(0)
    sets = []
    for size in (2, 3, 8, 40):
        texts = [" ".join(draw.choice(WORDS[: draw.randint(3, len(WORDS))]) for _ in range(draw.randint(1, 14))) for _ in range(size)]
        if size >= 8:
            texts += [texts[0], texts[1] + " " + texts[1], "unheard of", "rained"]
        sets.append(texts)
    cases = [{"order": order, "texts": texts, "selfBleu": self_bleu(texts, order)} for texts in sets for order in (1, 2, 4, 5)]
    folder = Path(__file__).parent / "diversity"
    folder.mkdir(exist_ok=True)
    (folder / "selfBleu.json").write_text(json.dumps(cases, indent=1) + "\n")
    earlier = [
        {"references": texts[:half], "texts": texts[half:], "similarity": [earlier_bleu(texts[:half], text) for text in texts[half:]]}
        for texts in sets
        for half in [len(texts) // 2]
    ]
    (folder / "earlierTexts.json").write_text(json.dumps(earlier, indent=1) + "\n")


main()
