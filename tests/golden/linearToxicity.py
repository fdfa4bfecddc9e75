"""Writes tests/golden/linearToxicity/probabilities.json: 500 texts and alt-profanity-check's predict_prob on each.

Texts are stored as recipes so that the repository quotes no abuse: a part is a harmless string as it stands, or the
index of a vocabulary word (-1 - index: that word in capitals). Texts cover the empty one, punctuation, digits, emoji,
several scripts, combining marks, one-letter words, underscores, repeats and long texts.
Usage: python tests/golden/linearToxicity.py   (pins: tests/golden/requirements.txt)
"""
import json
import random
from pathlib import Path

from profanity_check import predict_prob
from profanity_check.profanity_check import vectorizer

HARMLESS = [
    "the", "a", "you", "I", "bread", "Garden", "station", "seven", "reading", "MORNING", "teacher's", "well-known",
    "it's", "don't", "e-mail", "v1.2", "42", "1999", "3rd", "snake_case", "_private", "naïve", "café", "cafe\u0301",
    "Ω", "ΣΑΣ", "İstanbul", "straße", "日本語", "пример", "संख्या", "한국어", "مرحبا", "😀", "👩‍👩‍👧", "🎉🎉", "…", "—", "(", ")",
    "?!", "...", "http://example.org/a?b=c", "@name", "#tag", "\t", "\n", "½", "x²", "Ⅷ", "ﬁne", "a.b.c", "100%", "&amp;",
    "josé", "JOSÉ", "pokémon", "µm",
]
SEPARATORS = [" ", " ", " ", " ", ", ", ". ", "\n", "-", "_", "", "’", "\u00a0", "\u200d"]


def main() -> None:
    draw = random.Random(20240607)
    words = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
    recipes: list[list[str | int]] = [[], [""], [" "], ["\n\n"], ["..."], ["😀"], ["a"], ["the"], ["__"], ["0"]]
    while len(recipes) < 500:
        length = draw.choice([1, 1, 2, 3, 5, 8, 13, 21]) if len(recipes) < 480 else draw.choice([80, 200])
        share = draw.choice([0.0, 0.3, 0.7, 1.0])
        pool = [draw.randrange(len(words)) for _ in range(max(1, length // draw.choice([1, 1, 3])))]
        recipe: list[str | int] = []
        for position in range(length):
            if position:
                recipe.append(draw.choice(SEPARATORS))
            if draw.random() < share:
                index = draw.choice(pool)
                recipe.append(-1 - index if draw.random() < 0.2 else index)
            else:
                recipe.append(draw.choice(HARMLESS))
        recipes.append(recipe)

    def render(part: str | int) -> str:
        if isinstance(part, str):
            return part
        return words[part] if part >= 0 else words[-1 - part].upper()

    texts = ["".join(map(render, recipe)) for recipe in recipes]
    probabilities = [float(p) for p in predict_prob(texts)]
    out = Path(__file__).parent / "linearToxicity" / "probabilities.json"
    out.parent.mkdir(exist_ok=True)
    rows = [json.dumps({"parts": r, "probability": round(p, 12)}, ensure_ascii=True) for r, p in zip(recipes, probabilities)]
    out.write_text("[\n" + ",\n".join(rows) + "\n]\n")
    print(len(texts), "texts, probabilities from", min(probabilities), "to", max(probabilities))


if __name__ == "__main__":
    main()
