"""Converts the toxicity model of alt-profanity-check into assets/linear-toxicity/model.bin.gz.

The model: TfidfVectorizer (lower case, token_pattern \\b\\w\\w+\\b, English stop words out, l2 norm), then the mean of
five sigmoid-calibrated linear SVMs. Nothing is retrained; numbers are only laid out anew:

    8 bytes   "GADFLTX1"
    4 bytes   length H of the header, little endian
    H bytes   JSON: {source, license, words, folds, wordBytes, intercepts[folds], slopes[folds], offsets[folds]}
              probability of fold k = 1 / (1 + exp(slope_k * margin_k + offset_k)), Platt's a and b
    ...       the words, UTF-8, joined by newlines, in the order of their columns (wordBytes bytes), zero padded to 4
    ...       idf, float32 [words], then weights, float32 [words][folds]

Words that the vectorizer's stop list would drop are absent by construction (checked below).
The gzip stream also keeps the vocabulary, which holds abuse, out of plain sight.

Pins: python 3.12, alt-profanity-check 1.9.1, scikit-learn 1.9.1, joblib 1.6.0, numpy 2.
Usage: python scripts/convertLinearToxicity.py [OUT_DIR]
"""
import gzip
import json
import struct
import sys
from importlib import metadata, resources
from pathlib import Path

import joblib
import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

PIN = "1.9.1"


def main(out_dir: Path) -> None:
    assert metadata.version("alt-profanity-check") == PIN, "another version of alt-profanity-check"
    data = resources.files("profanity_check") / "data"
    vectorizer = joblib.load(data / "vectorizer.joblib")
    model = joblib.load(data / "model.joblib")

    rule = vectorizer.get_params()
    assert rule["lowercase"] and rule["stop_words"] == "english" and rule["norm"] == "l2" and not rule["sublinear_tf"]
    assert rule["token_pattern"] == r"(?u)\b\w\w+\b" and rule["ngram_range"] == (1, 1) and not rule["binary"]
    assert rule["strip_accents"] is None and list(model.classes_) == [0, 1]
    words = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
    assert [vectorizer.vocabulary_[word] for word in words] == list(range(len(words)))
    assert not set(words) & ENGLISH_STOP_WORDS and not any("\n" in word for word in words)

    folds = model.calibrated_classifiers_
    for fold in folds:
        assert fold.method == "sigmoid" and len(fold.calibrators) == 1
    weights = np.stack([fold.estimator.coef_[0] for fold in folds], axis=1)
    word_bytes = "\n".join(words).encode()
    header = json.dumps({
        "source": f"alt-profanity-check {PIN} (joblib model and vectorizer, converted)",
        "license": "MIT",
        "words": len(words),
        "folds": len(folds),
        "wordBytes": len(word_bytes),
        "intercepts": [float(fold.estimator.intercept_[0]) for fold in folds],
        "slopes": [float(fold.calibrators[0].a_) for fold in folds],
        "offsets": [float(fold.calibrators[0].b_) for fold in folds],
    }).encode()
    body = b"GADFLTX1" + struct.pack("<I", len(header)) + header + word_bytes
    body += b"\0" * (-len(body) % 4)
    body += vectorizer.idf_.astype("<f4").tobytes() + np.ascontiguousarray(weights, "<f4").tobytes()
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "model.bin.gz").write_bytes(gzip.compress(body, 9, mtime=0))
    licence = [file for file in metadata.files("alt-profanity-check") if file.name == "LICENSE"]
    (out_dir / "LICENSE").write_text(licence[0].locate().read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "assets/linear-toxicity"))
