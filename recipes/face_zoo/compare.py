"""What the teacher gave the student: equal runs with and without it, over seeds.

    python -m recipes.face_zoo.compare --alone runs/alone-* --distilled runs/student-* \\
        --teacher runs/teacher

reads `metrics.json` of evaluated runs and writes `results.json` and `RESULTS.md` beside this file:
mean and, from two seeds on, standard deviation, with what plain networks of 3 to 4 million
parameters reached on the same splits (one for expression, one for the rest). The first run of
each kind answers the validation parts again, for the difference between the two with its 95 %
interval on the same faces (paired bootstrap; `--prepared` holds them).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from kerasface.evaluation import difference_with_intervals
from kerasface.training.trained_run import load_finished
from recipes.face_zoo.evaluate import headline, outputs_of
from recipes.face_zoo.sets import load_sets
from recipes.face_zoo.train import faces_seen
from recipes.whole_files import write_json

HERE = Path(__file__).parent
# Measured once on these splits: 48 x 48, flip and crop, momentum with a cosine.
PLAIN = (0.672, 5.25, 0.932, 0.834)
LOWER_IS_BETTER = "MAE"
# In the order of `headline`.
PAIRED = (
    ("fer2013", "expression", "accuracy"),
    ("utkface", "age", "mean_absolute_error"),
    ("utkface", "gender", "accuracy"),
    ("utkface", "race", "accuracy"),
)
# What must be alike for the comparison to say something about the teacher alone.
EQUAL = (
    "spec",
    "per_batch",
    "epochs",
    "steps_per_epoch",
    "rate",
    "decay",
    "augmentation",
    "small",
    "settled",
)


def read_runs(folders: list[Path]) -> dict:
    """Settings and headline numbers of evaluated runs."""
    runs = []
    for folder in folders:
        config = json.loads((folder / "config.json").read_text())["config"]
        metrics = json.loads((folder / "metrics.json").read_text())["metrics"]
        runs.append({"config": config, "scores": headline(metrics)})
    return runs


def check_equal(alone: list[dict], distilled: list[dict]) -> None:
    """Raises ValueError where runs differ in more than teacher and seed."""
    first = (alone + distilled)[0]["config"]
    for run in alone + distilled:
        differs = [name for name in EQUAL if run["config"].get(name) != first.get(name)]
        if differs:
            raise ValueError(f"runs to compare must be equal. Received: different {differs}")


def summary(runs: list[dict]) -> dict:
    """`{title: {"mean", "spread", "seeds"}}` of the runs of one kind."""
    titles = runs[0]["scores"] if runs else {}
    values = {title: [run["scores"][title] for run in runs] for title in titles}
    return {
        title: {
            "mean": float(np.mean(each)),
            "spread": float(np.std(each, ddof=1)) if len(each) > 1 else None,
            "seeds": len(each),
        }
        for title, each in values.items()
    }


def differences(distilled: Path, alone: Path, prepared: Path, titles) -> dict:
    """`{title: {"value", "low", "high", "rows"}}`, distilled minus alone on the same faces."""
    sets = load_sets(prepared, "validation")
    models = [load_finished(distilled), load_finished(alone)]
    answers = {
        name: [outputs_of(model, sets[name]) for model in models]
        for name in dict.fromkeys(name for name, _, _ in PAIRED)
    }
    found = {}
    for title, (name, task, measure) in zip(titles, PAIRED, strict=True):
        given = [each[task] for each in answers[name]]
        where = sets[name]
        columns = (where.labels[task], where.masks[task], where.subjects)
        found[title] = difference_with_intervals(models[0].task(task), *given, *columns)[measure]
    return found


def render(results: dict) -> str:
    """The table as Markdown."""
    rows = {
        "Student without a teacher": results["alone"],
        "Student, distilled": results["distilled"],
        "Teacher": results["teacher"],
    }
    titles = list(next(row for row in rows.values() if row))
    lines = ["| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    for name, row in rows.items():
        if row:
            seeds = row[titles[0]]["seeds"]
            cells = [f"{name} ({seeds} seed{'s' * (seeds > 1)})"]
            cells += [_cell(title, row[title]) for title in titles]
            lines.append(f"| {' | '.join(cells)} |")
    if results.get("difference"):
        cells = ["Distilled minus alone, same faces (95 % interval)"]
        cells += [_gain(title, results["difference"][title]) for title in titles]
        lines.append(f"| {' | '.join(cells)} |")
    cells = ["Plain networks of 3 to 4 M parameters, two for these tasks"]
    cells += [_cell(t, {"mean": v, "spread": None}) for t, v in zip(titles, PLAIN, strict=True)]
    lines.append(f"| {' | '.join(cells)} |")
    text = [
        "# What the teacher gave the student",
        "",
        "Validation parts; differences in points and years; rendered from `results.json` by",
        "`python -m recipes.face_zoo.compare`.",
        f"Each student saw {results['images'] / 1e6:.2f} million faces.",
        "",
        *lines,
    ]
    return "\n".join(text) + "\n"


def _cell(title: str, score: dict) -> str:
    scale, form = (1.0, ".2f") if LOWER_IS_BETTER in title else (100.0, ".1f")
    unit = "" if scale == 1.0 else " %"
    text = f"{score['mean'] * scale:{form}}"
    if score["spread"] is not None:
        text += f" ± {score['spread'] * scale:{form}}"
    return text + unit


def _gain(title: str, row: dict) -> str:
    scale, form = (1.0, "+.2f") if LOWER_IS_BETTER in title else (100.0, "+.1f")
    value, low, high = (f"{row[key] * scale:{form}}" for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alone", type=Path, nargs="+", required=True)
    parser.add_argument("--distilled", type=Path, nargs="*", default=[])
    parser.add_argument("--teacher", type=Path, nargs="*", default=[])
    parser.add_argument("--prepared", type=Path, help="for the difference on the same faces")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args(arguments)
    alone, distilled = read_runs(options.alone), read_runs(options.distilled)
    check_equal(alone, distilled)
    results = {
        "images": faces_seen(alone[0]["config"]),
        "alone": summary(alone),
        "distilled": summary(distilled),
        "teacher": summary(read_runs(options.teacher)),
    }
    if options.prepared and distilled:
        pair = (options.distilled[0], options.alone[0])
        results["difference"] = differences(*pair, options.prepared, results["alone"])
    write_json(options.out / "results.json", results)
    (options.out / "RESULTS.md").write_text(render(results))
    print(render(results))


if __name__ == "__main__":
    main()
