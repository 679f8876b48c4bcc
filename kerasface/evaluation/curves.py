"""Learning curves of a run task by task: loss and main measure, in training and on each set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kerasface.evaluation.drawing import new_figure, png_of
from kerasface.tasks import Task

WIDTH, HEIGHT, COLUMNS = 4.4, 2.8, 2  # inches of a panel; a task has a row
LOSSES = ("mean_loss", "loss")
MEASURES = ("accuracy", "mean_absolute_error", "nrmse", "active_share")
TRAINING, VALIDATION = "training", "val_"


class Panel(NamedTuple):
    """One chart: lines by their label, each a list of `(epoch, value)`."""

    title: str
    lines: dict[str, list[tuple[int, float]]]
    scale: str = "linear"


def task_curves(history: Sequence[Mapping], tasks: Sequence[Task], title: str = "") -> bytes:
    """A row a task with its loss and its main measure over epochs, and below what all share.

    Training is a solid line, each validation set (`val_<set>_<task>_<measure>`) a dashed one with
    dots where it was measured. The loss is `mean_loss`, that of a labelled row, where a run has
    it: it compares with validation, while `loss` also holds the task's alpha. Shared are the total
    loss and, where a run logs them, learning rate, task weights, gradient norms and adversary.

    Args:
        history: entries of `read_history`.
        tasks: of the run, in the order of the rows.
        title: shown above.

    Returns:
        PNG bytes.

    Raises:
        ValueError: the history has nothing of these tasks.
    """
    panels = [panel for task in tasks for panel in task_panels(history, task, len(tasks) == 1)]
    if not any(panel.lines for panel in panels):
        raise ValueError(
            "the history must have entries of the tasks. "
            f"Received: tasks={[task.name for task in tasks]}"
        )
    panels += [panel for panel in shared_panels(history) if panel.lines]
    rows = -(-len(panels) // COLUMNS)
    figure, grid = new_figure(COLUMNS * WIDTH, HEIGHT * rows, rows, COLUMNS)
    cells = list(np.ravel(grid))
    for axes, panel in zip(cells, panels, strict=False):
        if not panel.lines:
            continue
        for label, points in panel.lines.items():
            dashed = {"ls": "--", "marker": "o", "ms": 3} if label.startswith(VALIDATION) else {}
            shown = label.removeprefix(VALIDATION)
            axes.plot(*np.array(points, "float64").T, label=shown, **dashed)
        axes.set_title(panel.title, fontsize=9)
        axes.set_xlabel("epoch", fontsize=8)
        axes.set_yscale(panel.scale)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        if len(panel.lines) > 1:
            axes.legend(fontsize=7)
    for axes in [cell for place, cell in enumerate(cells) if not _drawn(panels, place)]:
        axes.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=10)
    return png_of(figure)


def task_panels(history: Sequence[Mapping], task: Task, alone: bool = False) -> list[Panel]:
    """The two panels of a task; one without lines where a run has no such entry.

    Args:
        history: entries of a run.
        task: whose entries.
        alone: whether it is the run's only task, whose name Keras leaves out of training's.
    """
    panels = []
    for measures in (LOSSES, MEASURES):
        known = {key for entry in history for key in entry}
        fitting = [each for each in measures if f"{task.name}_{each}" in known]
        fitting += [each for each in measures if alone and each in known]
        ends = [f"_{task.name}_{each}" for each in measures]
        fitting += [m for m, end in zip(measures, ends, strict=True) if _ending(known, end)]
        measure = fitting[0] if fitting else measures[0]
        lines = {TRAINING: _points(history, f"{task.name}_{measure}")}
        if alone and not lines[TRAINING]:
            lines[TRAINING] = _points(history, measure)
        lines[VALIDATION + "validation"] = _points(history, f"val_{task.name}_{measure}")
        end = f"_{task.name}_{measure}"
        for key in _ending(known, end):
            lines[key.removesuffix(end)] = _points(history, key)
        unit = f" ({task.unit})" if measure == "mean_absolute_error" else ""
        unit = unit if hasattr(task, "unit") else ""
        name = f"{task.name}: {measure.replace('_', ' ')}{unit}"
        panels.append(Panel(name, {label: each for label, each in lines.items() if each}))
    return panels


def shared_panels(history: Sequence[Mapping]) -> list[Panel]:
    """The panels of what belongs to no task alone; without lines where a run does not log it."""
    known = sorted({key for entry in history for key in entry if not key.startswith(VALIDATION)})

    def lines(end: str, *names: str) -> dict:
        keys = [key for key in known if (end and key.endswith(end)) or key in names]
        return {key.removesuffix(end): _points(history, key) for key in keys}

    return [
        Panel("total loss", lines("", "loss")),
        Panel("learning rate", lines("", "learning_rate"), "log"),
        Panel("task weights", lines("_weight")),
        Panel("gradient norms", lines("_gradient_norm"), "log"),
        Panel("adversary", lines("", "domain_strength", "domain_probe", "probe/balanced_accuracy")),
    ]


def _ending(known, end: str) -> list[str]:
    """Entries of validation sets with that end; `val_<task>_...` itself has no set's name."""
    return sorted(
        k for k in known if k.startswith(VALIDATION) and k.endswith(end) and k != "val" + end
    )


def _points(history, key: str) -> list[tuple[int, float]]:
    return [(entry["epoch"], entry[key]) for entry in history if key in entry]


def _drawn(panels: list[Panel], place: int) -> bool:
    return place < len(panels) and bool(panels[place].lines)
