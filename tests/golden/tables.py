"""What Python makes of CSV text, and Parquet files in every usual codec.

    python tables.py

writes tables/csv.json (records of Python's csv module, and what its strict mode says) and tables/CODEC.parquet, and
checks that pandas reads the hand-written texts as the csv module does.
Texts are drawn by a seed from an alphabet in which almost every character means something to CSV.
"""

import csv
import io
import json
import math
import pathlib
import random

import pandas
import pyarrow
import pyarrow.parquet

OUT = pathlib.Path(__file__).parent / "tables"
WRITTEN = [
    'a,b\n1,2\n',
    'a,b\r\n1,2\r\n',
    'a,b\r1,2\r',
    'a,b\n\n1,2\n\n',
    'a\n"x ""y"" z"\n',
    'a,b\n"one\ntwo",2\n',
    'a,b\n"one\r\ntwo",2\n',
    'a,b\n3" nail,2\n',
    'a,b\n"say \\"hi\\" now",2\n',
    'a,b\n"he said "go" loudly",2\n',
    'a,b\n"x"y,2\n',
    'a,b\n"",""\n',
    'a,b\n"",\n',
    'a\n""\n',
    'a,b\n ,  \n',
    'a,b\nx, "y"\n',
    'a,b\n1,2',
    'a,b\n"1","2"',
    'a,b\n\u00e9\U0001f44d,\u2028\n',
]


def records(text: str) -> list[list[str]]:
    # Python's reader gives [] for a blank line; DictReader and pandas pass over it.
    return [record for record in csv.reader(io.StringIO(text, newline="")) if record]


def strict_error(text: str) -> str | None:
    try:
        list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        return str(error)
    return None


def by_pandas(text: str):
    try:
        frame = pandas.read_csv(io.StringIO(text), dtype=str, keep_default_na=False, index_col=False)
    except Exception:
        return None
    return [list(frame.columns), *frame.values.tolist()]


def main() -> None:
    OUT.mkdir(exist_ok=True)
    draw = random.Random(0)
    drawn = ["".join(draw.choice('ab",\n\r" ') for _ in range(draw.randrange(1, 24))) for _ in range(400)]
    for text in WRITTEN:
        assert by_pandas(text) == records(text), text
    cases = [
        {"text": text, "records": records(text), "strictError": strict_error(text)} for text in WRITTEN + drawn
    ]
    (OUT / "csv.json").write_text(json.dumps(cases, ensure_ascii=True, indent=0) + "\n")
    table = pyarrow.table(
        {
            "prompt": ["Where is the shop?", "A goose walks in. " * 40, None],
            "id": pyarrow.array([1, 2, 9007199254740993], pyarrow.int64()),
            "toxicity": [0.25, math.nan, None],
            "label": [True, False, None],
            "day": pyarrow.array([0, 1, None], pyarrow.timestamp("ms")),
            "turns": [[{"role": "user", "content": "hi"}], [], None],
        }
    )
    for codec in ("none", "snappy", "zstd", "gzip", "brotli", "lz4"):
        pyarrow.parquet.write_table(table, OUT / f"{codec}.parquet", compression=codec)


main()
