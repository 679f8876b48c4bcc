"""Makes zoo entries of the trained aligner and verifier.

    python -m recipes.knowledge_transfer.publish aligner 1.0.0 --runs runs/kt
    python -m recipes.knowledge_transfer.publish verifier 1.0.0 --runs runs/kt \\
        --prepared runs/kt-prepared --data DATA

takes the student's weights and what `aligner.json` and `verifier.json` say of it; of the verifier
also measures its thresholds on CelebA's unseen people and, with the newest published aligner, LFW's
pairs as an app compares them (`as_used.py`); and publishes the embedding without the people it was
trained on. Each version is published once. A minute, and five for the verifier.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras

from kerasface.zoo.locate import CHECKOUT
from recipes.knowledge_transfer.aligner_entry import publish_aligner
from recipes.knowledge_transfer.verifier_entry import publish_verifier

ENTRIES = {"aligner": publish_aligner, "verifier": publish_verifier}


def main(arguments=None) -> Path:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ENTRIES)
    parser.add_argument("version")
    parser.add_argument("--runs", type=Path, default=Path("runs/kt"))
    parser.add_argument("--prepared", type=Path, default=Path("runs/kt-prepared"))
    parser.add_argument("--data", type=Path, help="folder of the unpacked sets, for LFW's pairs")
    parser.add_argument("--arm", default="student", help="which network (default: %(default)s)")
    parser.add_argument(
        "--limit", action="append", default=[], help="one more of the card's limits, as a sentence"
    )
    parser.add_argument("--zoo", type=Path, default=CHECKOUT, help="default: of this checkout")
    parser.add_argument("--smoke", action="store_true", help="of a smoke run")
    options = parser.parse_args(arguments)
    if options.name == "verifier" and options.data is None and not options.smoke:
        parser.error("LFW's pairs are in the folder of the sets: --data DATA")
    keras.mixed_precision.set_global_policy("float32")
    entry = ENTRIES[options.name](options.version, options)
    print(entry)
    return entry


if __name__ == "__main__":
    main()
