"""Scores a finished run on the validation part of each set, in colour and in grey.

    python -m recipes.face_zoo.evaluate runs/student

writes `metrics.json` and figures into the run's folder: every task on every set that has its
labels, with 95 % intervals (bootstrap over faces, over people where the set names them), per
group, and for ages 18 to 75 apart, since most networks fail on children and the old. The
temperatures of calibrated confidence are fitted there too (`recipes.face_zoo.calibrate`).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.calibration import probabilities_of
from kerasface.evaluation.figures import confusion_figure, reliability_diagram, value_scatter
from kerasface.evaluation.groups import card_rows, group_columns, per_group
from kerasface.evaluation.intervals import measure_with_intervals
from kerasface.evaluation.measures import confusion_matrix
from kerasface.models import FaceModel
from kerasface.training.trained_run import load_finished
from kerasface.training.validation import without_colour
from recipes.face_zoo.calibrate import temperatures
from recipes.face_zoo.sets import NAMES, load_sets
from recipes.whole_files import write_json

PROTOCOL = "one central crop at the entry's template, no test-time augmentation, {colour}"
# Whose accuracy is told apart for whom; a set without these labels is left out.
GROUPED = ("age", "gender", "race", "race7", "age_group")
GROUPS = {"utkface": ("gender", "race", "age"), "fairface": ("gender", "race7", "age_group")}
HEADLINE = ("accuracy", "mean_absolute_error")
ADULTS = (18, 75)
FIGURES = (("fer2013", "expression"), ("utkface", "race"), ("utkface", "age"))


def outputs_of(model: FaceModel, prepared: PreparedSet) -> dict[str, np.ndarray]:
    """Outputs `(rows, output_size)` of each task."""
    return model.predict(prepared.images, batch_size=256, verbose=0)


def score(model: FaceModel, sets: dict[str, PreparedSet]) -> dict:
    """Rows for the card: `{"metrics", "per_group", "reliability"}`."""
    metrics, groups, reliability = [], [], []
    for name, colour in sets.items():
        dyes = {"as given": colour}
        if name != "fer2013":
            dyes["converted to grey"] = replace(colour, images=without_colour(colour.images))
        for dye, prepared in dyes.items():
            outputs = outputs_of(model, prepared)
            protocol = PROTOCOL.format(colour=dye)
            for task in model.tasks:
                if not prepared.labelled(task.name):
                    continue
                columns = (outputs[task.name], prepared.labels[task.name])
                mask, subjects = prepared.masks[task.name], prepared.subjects
                where = (task, NAMES[name], "validation", protocol)
                found = measure_with_intervals(task, *columns, mask, subjects)
                rows = _rows(where, found)
                reliability += [row for row in rows if row["metric"] in ("ECE", "coverage")]
                metrics += [row for row in rows if row["metric"] not in ("ECE", "coverage")]
                if dye != "as given":
                    continue
                adults = _adults(prepared)
                if adults is not None:
                    found = measure_with_intervals(task, *columns, mask & adults, subjects)
                    groups += _rows(where, found, f"ages {ADULTS[0]} to {ADULTS[1]}", HEADLINE)
                if task.name in GROUPED and name in GROUPS:
                    tasks = [model.task(each) for each in GROUPS[name]]
                    table = per_group(task, *columns, mask, group_columns(prepared, tasks), 1)
                    for each in table:
                        groups += _rows(where, each["measures"], each["group"], HEADLINE)
    return {"metrics": metrics, "per_group": groups, "reliability": reliability}


def draw(model: FaceModel, sets: dict[str, PreparedSet], folder: Path) -> None:
    """Confusion matrices, reliability of the expressions, and ages against their labels."""
    folder.mkdir(exist_ok=True)
    for name, task_name in FIGURES:
        prepared, task = sets[name], model.task(task_name)
        if not prepared.labelled(task_name):
            continue
        mask = prepared.masks[task_name]
        outputs = outputs_of(model, prepared)[task_name][mask]
        labels = prepared.labels[task_name][mask]
        title, file = f"{NAMES[name]} {task_name}, validation", f"{name}_{task_name}"
        if task.kind == "regression":
            values = task.expected(outputs)
            (folder / f"{file}.png").write_bytes(value_scatter(labels, values, task.unit, title))
            continue
        chances = probabilities_of(outputs)
        confusion = confusion_matrix(labels, chances.argmax(-1), task.output_size)
        picture = confusion_figure(confusion, task.classes, title)
        (folder / f"{file}_confusion.png").write_bytes(picture)
        picture = reliability_diagram(chances, labels, title=title)
        (folder / f"{file}_reliability.png").write_bytes(picture)


def _rows(where, found, group=None, only=None) -> list[dict]:
    task, dataset, split, protocol = where
    return card_rows(task, found, dataset, split, protocol, group, only)


def _adults(prepared: PreparedSet):
    if not prepared.labelled("age"):
        return None
    age = prepared.labels["age"]
    return prepared.masks["age"] & (age >= ADULTS[0]) & (age <= ADULTS[1])


def headline(metrics: list[dict]) -> dict[str, float]:
    """The four numbers of the comparison: accuracies as shares, age in years."""
    wanted = {
        "FER2013 expression accuracy": ("expression", "FER2013", "accuracy"),
        "UTKFace age MAE (years)": ("age", "UTKFace", "mean absolute error (years)"),
        "UTKFace gender accuracy": ("gender", "UTKFace", "accuracy"),
        "UTKFace race (5) accuracy": ("race", "UTKFace", "accuracy"),
    }
    return {
        title: next(
            row["value"]
            for row in metrics
            if (row["task"], row["dataset"], row["metric"]) == key
            and row["protocol"].endswith("as given")
        )
        for title, key in wanted.items()
    }


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--prepared", type=Path, default=Path("runs/prepared"))
    options = parser.parse_args(arguments)
    model, sets = load_finished(options.run), load_sets(options.prepared, "validation")
    scores = score(model, sets)
    draw(model, sets, options.run / "figures")
    outputs = {name: outputs_of(model, prepared) for name, prepared in sets.items()}
    scores["temperatures"] = temperatures(model.tasks, sets, outputs, options.run / "figures")
    write_json(options.run / "metrics.json", scores)
    for title, value in headline(scores["metrics"]).items():
        print(f"{title}: {value:.4f}")
    for fact in scores["temperatures"]:
        print(f"{fact['task']}: temperature {fact['temperature']:.3f}")


if __name__ == "__main__":
    main()
