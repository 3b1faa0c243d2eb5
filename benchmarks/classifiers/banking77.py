"""Draw the rows of benchmarks/classifiers/banking77.yaml, whose test rows are its own.

    python benchmarks/classifiers/banking77.py FOLDER rows --train 2000 --validation 400 --test 1500
    tunelab run benchmarks/classifiers/banking77.yaml data.source=rows

FOLDER holds train.csv with the columns text and category: PolyAI's banking77, 77 labels. The
published test rows are not read. Each label has a row in every split that is large enough, and
beyond that its share; texts that differ in case, blanks or marks alone stay in one split.
"""

import argparse
import csv
import os
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

SPLITS = ("test", "validation", "train")
Row = tuple[str, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("TUNELAB_BANKING77"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=int, help="all that are left by default")
    parser.add_argument("--validation", type=int, default=400)
    parser.add_argument("--test", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    if options.folder is None:
        parser.error("name the folder, or set TUNELAB_BANKING77")
    with (Path(options.folder) / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    sizes = {split: getattr(options, split) for split in SPLITS}
    drawn = draw(rows, sizes, seed=options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    for split, chosen in drawn.items():
        with (options.out / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            writer.writerows(chosen)
        counts = Counter(label for _, label in chosen)
        print(f"{split}: {len(chosen):,} rows, {len(counts)} labels", file=sys.stderr)
    return 0


def draw(
    rows: Sequence[Row], sizes: Mapping[str, int | None], *, seed: int
) -> dict[str, list[Row]]:
    """Rows of each split: turns over the labels, a row (with its near copies) a turn.

    A label's last row is left to train. A size of None takes what is left.
    """
    draws = random.Random(seed)
    groups: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for text, label in rows:
        plain = "".join(letter for letter in text.casefold() if letter.isalnum())
        groups[label][plain].append((text, label))
    left = {}
    for label in sorted(groups):
        left[label] = list(groups[label].values())
        draws.shuffle(left[label])
    wanted = {label: len(found) for label, found in left.items()}
    total = sum(wanted.values())
    drawn: dict[str, list[Row]] = {}
    for split in SPLITS:
        size = sizes[split]
        chosen: list[Row] = []
        if size is None:
            chosen = [row for found in left.values() for group in found for row in group]
        else:
            spare = 0 if split == "train" else 1
            shares = {label: size * count / total for label, count in wanted.items()}
            taken: Counter[str] = Counter()
            while len(chosen) < size:
                open_labels = [label for label in left if len(left[label]) > spare]
                if not open_labels:
                    raise SystemExit(f"there are not {size} rows for {split}; ask for fewer.")
                label = max(open_labels, key=lambda one: (not taken[one], shares[one] - taken[one]))
                group = left[label].pop()
                chosen += group
                taken[label] += len(group)
        draws.shuffle(chosen)
        drawn[split] = chosen
    return drawn


if __name__ == "__main__":
    sys.exit(main())
