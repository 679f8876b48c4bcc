"""Which tasks help which, as matrices: gradients' cosines, and accuracy trained in pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kerasface.evaluation.drawing import new_figure, png_of
from kerasface.zoo.markdown import table
from recipes.distill_2md_mtl.methods import SETS
from recipes.distill_2md_mtl.records import COSINE

ALL = "all three"


def cosines(histories: Sequence[Sequence[dict]], tasks: dict[str, str]) -> dict | None:
    """Cosines between the tasks' gradients at the shared weights, mean over runs and epochs.

    Args:
        histories: of each run in which they were measured, the entries of its epochs.
        tasks: names of the tasks by the set that brings their labels.

    Returns:
        `{"tasks", "matrix", "first", "last"}`, the matrices as lists of lists with 1 on the
        diagonal, of all epochs, the first and the last; None where none were measured.
    """
    names = list(tasks)
    each = [
        [_matrix(entry, [tasks[name] for name in names]) for entry in history]
        for history in histories
        if history
    ]
    if not each:
        return None
    epochs = np.array([run[: min(map(len, each))] for run in each])  # (runs, epochs, tasks, tasks)
    found = {"matrix": np.nanmean(epochs, (0, 1)), "first": epochs[:, 0].mean(0)}
    found["last"] = epochs[:, -1].mean(0)
    return {"tasks": names, **{key: value.tolist() for key, value in found.items()}}


def _matrix(line: dict, tasks: list[str]) -> np.ndarray:
    values = np.eye(len(tasks))
    for row, one in enumerate(tasks):
        for column, other in enumerate(tasks):
            if row != column:
                names = (f"{one}_and_{other}{COSINE}", f"{other}_and_{one}{COSINE}")
                values[row, column] = next((line[n] for n in names if n in line), np.nan)
    return values


def pairwise(arms: dict, protocols: dict[str, str]) -> dict:
    """Accuracy of each task trained alone, beside each other one, and beside both.

    Args:
        arms: of the question, as `recipes.controls.run.collect` has them.
        protocols: that test each set's task.

    Returns:
        `{"tasks", "beside", "matrix"}`: a row a tested task, a column the task beside it, its own
        column alone, the last column all three; None where a run is not there.
    """

    def accuracy(arm, task):
        number = arms.get(arm, {}).get("measured", {}).get(protocols[task])
        return None if number is None else number["accuracy"]

    matrix = []
    for task in SETS:
        row = []
        for other in SETS:
            names = [f"{task}-alone"] if task == other else [f"{task}+{other}", f"{other}+{task}"]
            values = [value for name in names if (value := accuracy(name, task)) is not None]
            row.append(values[0] if values else None)
        matrix.append([*row, accuracy("multi", task)])
    return {"tasks": list(SETS), "beside": [*SETS, ALL], "matrix": matrix}


def lines(found: dict) -> list[str]:
    """Markdown of both matrices; the diagonal of the second is the task alone."""
    page = []
    if found.get("cosines"):
        tasks = found["cosines"]["tasks"]
        head = ["Gradients of", *tasks]
        rows = [
            [task, *(f"{value:+.3f}" for value in row)]
            for task, row in zip(tasks, found["cosines"]["matrix"], strict=True)
        ]
        page += ["Cosine between the tasks' gradients at the shared weights, mean over epochs:", ""]
        page += [*table(head, rows).splitlines(), "", "![cosines](figures/affinity-cosine.png)", ""]
    pairs = found.get("pairwise")
    if pairs:
        rows = [
            [task, *("-" if value is None else f"{100 * value:.1f}" for value in row)]
            for task, row in zip(pairs["tasks"], pairs["matrix"], strict=True)
        ]
        page += ["Accuracy in percent, trained beside (the diagonal: alone), own rows equal:", ""]
        page += [*table(["Tested", *pairs["beside"]], rows).splitlines(), ""]
        page += ["![pairs](figures/affinity-accuracy.png)", ""]
    return page


def draw_matrix(values, rows: Sequence[str], columns: Sequence[str], title: str) -> bytes:
    """A matrix of numbers as a PNG; None and NaN are left empty. Colours are by row."""
    numbers = np.array([[np.nan if v is None else v for v in row] for row in values], "float64")
    figure, axes = new_figure(2.2 + 0.9 * len(columns), 1.4 + 0.6 * len(rows))
    with np.errstate(all="ignore"):
        low = np.nanmin(np.nan_to_num(numbers, nan=np.inf), axis=1, keepdims=True)
        high = np.nanmax(np.nan_to_num(numbers, nan=-np.inf), axis=1, keepdims=True)
        shade = (numbers - low) / np.where(high > low, high - low, 1.0)
    axes.imshow(np.nan_to_num(shade), cmap="Blues", vmin=0.0, vmax=1.6)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_title(title, fontsize=9)
    for (row, column), value in np.ndenumerate(numbers):
        if np.isfinite(value):
            axes.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize=9)
    return png_of(figure)
