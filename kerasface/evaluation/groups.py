"""The same measures for each group of people, and rows of a model's card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.intervals import measure_with_intervals
from kerasface.tasks import Task

# Lower ends of the bands in which ages are shown; FairFace's groups.
AGE_BANDS = (0, 3, 10, 20, 30, 40, 50, 60, 70)
# A group of fewer faces says more about chance than about the model.
LEAST = 30

CARD_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "calibration_error": "ECE",
    "interval_coverage": "coverage",
    "mean_absolute_error": "mean absolute error ({unit})",
    "root_mean_squared_error": "root mean squared error ({unit})",
    "within_5": "share within 5 {unit}",
    "nme": "NME",
    "nrmse": "NRMSE",
}


def group_columns(
    prepared: PreparedSet, tasks: Iterable[Task], bands: Sequence[float] = AGE_BANDS
) -> dict[str, np.ndarray]:
    """The group of each face by task, as people read it.

    Args:
        prepared: whose labels tell the groups.
        tasks: classification tasks give their classes, regression tasks bands of their unit.
        bands: rising lower ends of the bands, the last one open.

    Returns:
        By task name `(rows,)` str, empty where the label is not known.
    """
    columns = {}
    for task in tasks:
        if not prepared.labelled(task.name):
            continue
        labels, mask = prepared.labels[task.name], prepared.masks[task.name]
        if task.kind == "classification":
            names = np.array(task.classes)
            place = np.where(mask, labels, 0)
        elif task.kind == "regression":
            names = np.array(band_names(bands))
            place = np.searchsorted(bands, np.where(mask, labels, bands[0]), side="right") - 1
            mask = mask & (place >= 0)
        else:
            continue
        columns[task.name] = np.where(mask, names[place], "")
    return columns


def band_names(bands: Sequence[float]) -> list[str]:
    """`["0-2", "3-9", ..., "70+"]` from the lower ends of whole-numbered bands."""
    closed = [f"{low:g}-{high - 1:g}" for low, high in zip(bands, bands[1:], strict=False)]
    return [*closed, f"{bands[-1]:g}+"]


def per_group(
    task: Task,
    outputs,
    labels,
    mask,
    columns: Mapping[str, np.ndarray],
    together: int = 2,
    least: int = LEAST,
    subjects=None,
    resamples: int = 1000,
) -> list[dict]:
    """Measures of a task for every group and every crossing of groups.

    Args:
        task: the task that is measured.
        outputs: `(rows, output_size)` float.
        labels: `(rows, *label_shape)`.
        mask: `(rows,)` bool, true where the label is known.
        columns: by name `(rows,)` str, from `group_columns`; empty: in no group.
        together: largest number of columns that are crossed; 1 has no crossings, 3 also
            gives gender x race x age.
        least: groups of fewer labelled rows are left out.
        subjects: as in `measure_with_intervals`.
        resamples: as in `measure_with_intervals`.

    Returns:
        A list of `{"group", "rows", "measures"}`: a name as in "gender=female, race=Black",
        the labelled rows, and what `measure_with_intervals` gives. Columns keep their order,
        larger groups come first.
    """
    mask = np.asarray(mask, bool)
    table = []
    for many in range(1, together + 1):
        for names in combinations(columns, many):
            chosen = np.stack([np.asarray(columns[name], str) for name in names], axis=1)
            known = mask & (chosen != "").all(axis=1)
            groups, counts = np.unique(chosen[known], axis=0, return_counts=True)
            for place in np.argsort(-counts, kind="stable"):
                if counts[place] < least:
                    continue
                inside = known & (chosen == groups[place]).all(axis=1)
                found = measure_with_intervals(
                    task, outputs, labels, inside, subjects=subjects, resamples=resamples
                )
                pairs = zip(names, groups[place], strict=True)
                title = ", ".join(f"{name}={group}" for name, group in pairs)
                table.append({"group": title, "rows": int(counts[place]), "measures": found})
    return table


def card_rows(
    task: Task,
    measures: Mapping[str, dict],
    dataset: str,
    split: str,
    protocol: str,
    group: str | None = None,
    only: Sequence[str] | None = None,
) -> list[dict]:
    """Measures with intervals as the rows that `kerasface.zoo.publish` takes.

    Args:
        task: the task that was measured.
        measures: of `measure_with_intervals`, or of a row of `per_group`.
        dataset: name of the data set.
        split: name of its part.
        protocol: a sentence on how it was measured.
        group: name of the group, where it is not the whole.
        only: names of the measures to keep, default all.

    Returns:
        Dicts of `task, dataset, split, metric, value, ci95, n, protocol` and `group`.
    """
    unit = getattr(task, "unit", "share of the crop")
    return [
        {
            "task": task.name,
            "dataset": dataset,
            "split": split,
            "metric": CARD_NAMES[name].format(unit=unit),
            "value": found["value"],
            "ci95": (found["low"], found["high"]),
            "n": found["rows"],
            "protocol": protocol,
            **({} if group is None else {"group": group}),
        }
        for name, found in measures.items()
        if only is None or name in only
    ]
