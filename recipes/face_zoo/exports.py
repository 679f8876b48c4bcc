"""What int8 costs: every file of an entry for other runtimes, on the validation part of each set.

    python -m recipes.face_zoo.exports zoo/student/1.0.0

prints each measure beside Keras's and ends with code 1 where a file loses more than half a point
of accuracy over all faces (a minute a file, 10,000 faces). `export_arguments` gives `publish` what
it needs to make the files: which ones, real faces of the training sets to calibrate int8 on, and
this measurement.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.measures import measure
from kerasface.zoo.entry import read_manifest
from kerasface.zoo.export_facts import MOST_LOST, ExportMeasure, accuracy_lost
from kerasface.zoo.exporting import EXPORTS
from kerasface.zoo.loading import load
from recipes.face_zoo.sets import NAMES, SETS, load_sets

PREPARED = Path("runs/prepared")
# One number a kind of task, by its name in a manifest.
MEASURED = {
    "classification": ("accuracy", "accuracy"),
    "regression": ("mean_absolute_error", "mean absolute error (years)"),
}


def export_arguments(prepared: Path = PREPARED, exports: Sequence[str] = EXPORTS) -> dict:
    """Arguments of `kerasface.zoo.publish` for files for other runtimes.

    Args:
        prepared: folder of `<set>-<split>.npz`, as `recipes.face_zoo.sets` writes them.
        exports: which files.
    """
    return {
        "exports": exports,
        "calibration": [prepared / f"{name}-train.npz" for name in SETS],
        "score": scorer(load_sets(prepared, "validation")),
    }


def scorer(sets: dict[str, PreparedSet]) -> Callable[[object], list[dict]]:
    """A function of a model, in Keras or a runtime, to its measures on these sets."""

    def score(model) -> list[dict]:
        rows = []
        for name, prepared in sets.items():
            outputs = model.predict(prepared.images, batch_size=256, verbose=0)
            for task in model.tasks:
                if task.kind not in MEASURED or not prepared.labelled(task.name):
                    continue
                key, title = MEASURED[task.kind]
                columns = (prepared.labels[task.name], prepared.masks[task.name])
                found = measure(task, outputs[task.name], *columns)
                where = {"task": task.name, "dataset": NAMES.get(name, name)}
                where |= {"split": "validation", "metric": title, "n": int(found["labelled"])}
                rows.append({**where, "value": found[key]})
        return rows

    return score


def compare(entry: Path, sets: dict[str, PreparedSet]) -> float:
    """Prints every file's measures beside Keras's.

    Returns:
        The share of accuracy, over all faces, that the worst file loses.
    """
    score, manifest = scorer(sets), read_manifest(entry)
    full = score(load(entry))
    worst = 0.0
    for export in manifest.exports or ():
        model = load(entry, runtime=export.runtime, precision=export.precision)
        rows = []
        for row, wanted in zip(score(model), full, strict=True):
            change = row["value"] - wanted["value"]
            rows.append(ExportMeasure(**row, full=wanted["value"]))
            print(
                f"{export.name:17} {row['dataset']:9} {row['task']:11} {row['metric']:28} "
                f"{row['value']:8.4f}  Keras {wanted['value']:8.4f}  {change:+.4f}"
            )
        lost = accuracy_lost(rows) or 0.0
        print(f"{export.name:17} loses {100 * lost:.2f} points of accuracy over all faces")
        worst = max(worst, lost)
    return worst


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entry", type=Path, help="folder of an entry with exports")
    parser.add_argument("--prepared", type=Path, default=PREPARED)
    options = parser.parse_args(arguments)
    worst = compare(options.entry, load_sets(options.prepared, "validation"))
    print(f"most accuracy lost: {100 * worst:.2f} points (allowed {100 * MOST_LOST:g})")
    return 1 if worst > MOST_LOST else 0


if __name__ == "__main__":
    sys.exit(main())
