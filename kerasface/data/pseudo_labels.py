"""Pseudo-labels read back from their shards and joined to the pictures they were made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasface.data.batches import label_trust, task_columns
from kerasface.data.label_shards import LabelRun
from kerasface.data.parquet import DamagedShard, read_columns
from kerasface.data.prepared import PreparedSet
from kerasface.data.shard_folder import check_shard, of_part, picture_names, read_unreadable
from kerasface.tasks import SoftClassification, Task, from_config

READ = ("image", "row", "task", "label", "soft", "confidence", "spread", "kept")


@dataclass(frozen=True)
class TaskLabels:
    """All labels of one task, in the order of the input.

    Args:
        task: the teacher's `Task`.
        names: `(n,)` str, the pictures.
        labels: `(n, *label_shape)` hard labels of the task's dtype.
        soft: `(n, output_size)` float32, probabilities, numbers or points.
        confidence: `(n,)` float32, 0..1.
        spread: `(n,)` float32 in the task's unit; NaN for classes.
        kept: `(n,)` bool, whether the confidence reaches the run's threshold.
    """

    task: Task
    names: np.ndarray
    labels: np.ndarray
    soft: np.ndarray
    confidence: np.ndarray
    spread: np.ndarray
    kept: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class PseudoLabels:
    """What a teacher said of a data set: the run, its labels by task, what it could not read.

    Args:
        run: data set, teacher, transforms, thresholds.
        tasks: `TaskLabels` by task name.
        unreadable: by picture, why it has no labels.
    """

    run: LabelRun
    tasks: dict[str, TaskLabels]
    unreadable: dict[str, str]

    def __len__(self) -> int:
        return sum(map(len, self.tasks.values()))


def read_labels(folder: str | Path, partial: bool = False) -> PseudoLabels:
    """Reads a folder of shards and checks what is in them.

    Args:
        folder: what `kerasface label` or `kerasface.inference.label_images` wrote.
        partial: also take a run that has not come to its end.

    Raises:
        ValueError: the run is not finished and `partial` is false.
        DamagedShard: a file does not read, or holds a label that is not finite, not legal for
            its task, twice there or of another part of the input.
        ForeignShard: a file is of another run.
        ImportError: pyarrow is not installed.
    """
    folder = Path(folder)
    run = LabelRun.read(folder)
    tasks = {config["name"]: from_config(config) for config in run.tasks}
    parts: dict[str, list[TaskLabels]] = {name: [] for name in tasks}
    unreadable, missing = {}, []
    for number in range(run.shards):
        path = run.file(folder, number)
        if not path.exists():
            missing.append(path.name)
            continue
        check_shard(path, run, number)
        for name, labels in _shard_labels(path, run, number, tasks).items():
            parts[name].append(labels)
        unreadable |= read_unreadable(folder, run, number)
    if missing and not partial:
        raise ValueError(
            f"{folder}: labelling has not come to its end; run it again and it goes on. "
            f"Received: {len(missing)} of {run.shards} shards missing, first {missing[0]}"
        )
    return PseudoLabels(
        run, {name: _joined(tasks[name], each) for name, each in parts.items()}, unreadable
    )


def with_pseudo_labels(
    prepared: PreparedSet,
    labels: PseudoLabels | str | Path,
    tasks: Sequence[Task],
    threshold: float | Mapping[str, float] | None = None,
    weighted: bool = False,
) -> PreparedSet:
    """The set with a teacher's labels where it has none of its own: data distillation's union.

    A true label is never touched. Elsewhere a task's mask becomes true where the teacher's
    label is kept, so `mix` and `arrays` give it the weight of the batch contract,
    `alpha * rows / n_labelled` over true and pseudo-labels alike. With `weighted`, labels count
    by their confidence `c` (1 for true ones): `alpha * rows * c / sum c`, a weighted mean whose
    weights still sum to `alpha * rows`.

    Labels are hard where `tasks` hold a `Classification`, and soft where they hold a
    `SoftClassification` of its name (see `kerasface.tasks.soft_labels`): then the column is of
    distributions, a true label's is all on its class. Numbers and points are the mean over
    transforms in both cases. Pictures without a label in the files stay unlabelled, and labels
    of pictures that the set does not have are passed over, so a fold of a set can be joined to
    the labels of the whole.

    Args:
        prepared: the set that was labelled, or rows of it.
        labels: its labels, or their folder.
        tasks: the student's tasks, one or several; the set's other columns stay as they are.
        threshold: least confidence of a pseudo-label, for all tasks or by task; None: the one
            it was labelled with.
        weighted: whether pseudo-labels count by their confidence.

    Returns:
        A new set; its report says for each task how many labels are true, pseudo and left out.

    Raises:
        ValueError: the labels are of another data set, tasks differ from the teacher's in what
            they answer, no task was labelled, names of pictures are not unique, a threshold
            lies outside 0..1 or is of another task, or a true label is not legal. And whatever
            `read_labels` raises.

    Example:

        taught = with_pseudo_labels(utkface, "labels/utkface", [expression], threshold=0.8)
        batches = mix({"ck": ck, "utkface": taught}, {"ck": 64, "utkface": 64}, [expression])

    Reference:
        Radosavovic et al. (2018), section 3: the student is trained on the union. There batches
        hold both kinds in a fixed ratio; here `per_batch` of `mix` sets that of the sets.
    """
    labels = labels if isinstance(labels, PseudoLabels) else read_labels(labels)
    if labels.run.dataset != prepared.domain:
        raise ValueError(
            f"these are labels of the data set {labels.run.dataset!r}. "
            f"Received: a set of {prepared.domain!r}"
        )
    places = {str(name): place for place, name in enumerate(prepared.names)}
    if len(places) < len(prepared):
        raise ValueError(
            "names of pictures must differ, or labels could fall on the wrong one. "
            f"Received: {len(prepared)} pictures with {len(places)} names in {prepared.domain!r}"
        )
    tasks = tuple(tasks)
    if not {task.name for task in tasks} & set(labels.tasks):
        raise ValueError(
            f"none of the tasks was labelled, only {sorted(labels.tasks)}. "
            f"Received: {[task.name for task in tasks]}"
        )
    thresholds = _thresholds(threshold, labels)
    columns = {
        "labels": dict(prepared.labels),
        "masks": dict(prepared.masks),
        "confidence": dict(prepared.confidence),
    }
    report = []
    for task in tasks:
        if task.name not in labels.tasks and task.name not in prepared.labels:
            continue
        column, mask = (each.copy() for each in task_columns(prepared, task))
        trust = label_trust(prepared, task, mask)
        true, pseudo, refused = int(mask.sum()), 0, 0
        if task.name in labels.tasks:
            found = labels.tasks[task.name]
            _check_same_answers(task, found.task)
            kept = found.kept
            if task.name in thresholds:
                kept = found.confidence >= np.float32(thresholds[task.name])
            there = np.array([places.get(name, -1) for name in found.names], int)
            free = ~np.append(mask, True)[there]  # a picture that is not here falls on the last
            refused, chosen = int((free & ~kept).sum()), free & kept
            pseudo, rows = int(chosen.sum()), there[chosen]
            column[rows] = _targets(task, found)[chosen]
            mask[rows] = True
            trust[rows] = found.confidence[chosen] if weighted else 1.0
        columns["labels"][task.name], columns["masks"][task.name] = column, mask
        columns["confidence"].pop(task.name, None)
        if (trust[mask] != 1.0).any():
            columns["confidence"][task.name] = trust
        report.append(
            f"{task.name}: {true} true labels, {pseudo} of {labels.run.teacher}, "
            f"{refused} below the threshold"
        )
    return replace(prepared, **columns, report=(*prepared.report, *report))


def _thresholds(threshold, labels: PseudoLabels) -> dict[str, float]:
    """Least confidences by task; none where the run's own are to hold."""
    if threshold is None:
        return {}
    if not isinstance(threshold, Mapping):
        threshold = dict.fromkeys(labels.tasks, threshold)
    for name, least in threshold.items():
        if name not in labels.tasks or not 0 <= least <= 1:
            raise ValueError(
                f"a threshold is a confidence from 0 to 1 of one of {sorted(labels.tasks)}. "
                f"Received: {name}={least}"
            )
    return dict(threshold)


def _targets(task: Task, found: TaskLabels) -> np.ndarray:
    """Labels as the student's task takes them."""
    if isinstance(task, SoftClassification):
        return found.soft / found.soft.sum(axis=1, keepdims=True)
    return found.labels


def _check_same_answers(task: Task, teacher: Task) -> None:
    """Sees that a label of the teacher's means the same to the student's task."""
    for name in ("classes", "unit", "low", "high", "points", "mirror"):
        mine, theirs = getattr(task, name, None), getattr(teacher, name, None)
        if mine != theirs:
            raise ValueError(
                f"'{task.name}' must have the teacher's {name}, {theirs}. Received: {mine}"
            )


def _shard_labels(path: Path, run: LabelRun, number: int, tasks: dict) -> dict[str, TaskLabels]:
    """The labels of one file by task.

    Raises:
        DamagedShard: see `read_labels`.
    """
    table = read_columns(path, list(READ))
    part = run.part(number)
    rows, owners = (table[name].to_numpy() for name in ("row", "task"))
    names = picture_names(path, table["image"])
    found, counted = {}, 0
    for name, task in tasks.items():
        own = np.flatnonzero(owners == name)
        counted += len(own)
        if not of_part(rows[own], part):
            raise DamagedShard(f"{path}: rows of '{name}' are twice there or of another part")
        some = table.take(own)
        labels = _array(path, some["label"], int(np.prod(task.label_shape)))
        labels = labels.reshape(-1, *task.label_shape).astype(task.label_dtype)
        numbers = {each: some[each].to_numpy() for each in ("confidence", "spread")}
        result = TaskLabels(
            task,
            names[own],
            labels,
            _array(path, some["soft"], task.output_size),
            np.asarray(numbers["confidence"], "float32"),
            np.asarray(numbers["spread"], "float32"),
            some["kept"].to_numpy().astype(bool),
        )
        found[name] = result
        if not len(own):
            continue
        sure = (result.confidence >= 0) & (result.confidence <= 1)
        good = task.legal(labels) & np.isfinite(result.soft).all(axis=1) & sure
        for row in np.flatnonzero(~good):
            raise DamagedShard(
                f"{path}: '{name}' of {names[own][row]} is no label. "
                f"Received: {labels[row].tolist()}, confidence {result.confidence[row]}"
            )
    if counted < len(owners):
        raise DamagedShard(f"{path}: holds labels of tasks that are not in about.json")
    return found


def _array(path: Path, column, size: int) -> np.ndarray:
    """`(rows, size)` float32 of a column of lists."""
    column = column.combine_chunks()
    flat = np.asarray(column.flatten(), "float32")
    lengths = np.diff(np.asarray(column.offsets))
    if (lengths != size).any():
        raise DamagedShard(f"{path}: lists of {size} numbers are needed. Received: {lengths[:3]}")
    return flat.reshape(-1, size)


def _joined(task: Task, parts: Sequence[TaskLabels]) -> TaskLabels:
    """Parts of one task one after another; without any, no rows."""
    shapes = {"names": (), "labels": task.label_shape, "soft": (task.output_size,)}
    dtypes = {"names": "U1", "labels": task.label_dtype, "kept": "bool"}
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        if parts
        else np.zeros((0, *shapes.get(name, ())), dtypes.get(name, "float32"))
        for name in ("names", "labels", "soft", "confidence", "spread", "kept")
    }
    return TaskLabels(task, **columns)
