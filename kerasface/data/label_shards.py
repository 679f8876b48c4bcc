"""Pseudo-labels as Parquet shards in a folder: written by one run, each whole or not at all.

The folder is as `kerasface.data.shard_folder` says; its `about.json` names data set, tasks,
transforms, teacher, thresholds and input.

A row of a label file is one label:

| column | type | |
|---|---|---|
| image | string | the picture's name in its data set |
| row | int64 | its place in the input |
| dataset, task, kind | string | |
| class | string or null | the hard label's class |
| label | list of float32 | hard label as the task encodes it: class number, number, or points |
| soft | list of float32 | mean distribution over classes or bins, mean number, or mean points |
| confidence | float32 | 0..1, see `kerasface.inference.answer_aggregation` |
| spread | float32 or null | in the task's unit; null for classes |
| kept | bool | whether the confidence reaches the run's threshold |
| transforms | string | their names with commas between |
| teacher, teacher_sha256, kerasface_version | string | who answered |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kerasface.data.parquet import arrow
from kerasface.data.shard_folder import ShardedRun, ShardFolder
from kerasface.tasks import Task, from_config


@dataclass(frozen=True)
class LabelRun(ShardedRun):
    """Everything that decides what the labels of a folder are.

    Args:
        dataset: name of the data set.
        tasks: configurations of the labelled tasks, as `Task.get_config` gives them.
        transforms: names of the transforms.
        teacher: the teacher's name.
        teacher_sha256: of its weights.
        source: sha256 of the input: names, and what was known already.
        rows: pictures of the input.
        rows_per_shard: pictures of each shard but the last, at least 1.
        thresholds: by task the least confidence of a label that is kept.
        version: of kerasface.

    Raises:
        ValueError: no rows, no rows a shard, or a threshold outside 0..1 or of another task.
    """

    KIND: ClassVar[str] = "labels"

    dataset: str
    tasks: tuple[dict, ...]
    transforms: tuple[str, ...]
    teacher: str
    teacher_sha256: str
    source: str
    rows: int
    rows_per_shard: int
    thresholds: dict[str, float]
    version: str

    def __post_init__(self):
        super().__post_init__()
        names = [config["name"] for config in self.tasks]
        for name, least in self.thresholds.items():
            if name not in names or not 0 <= least <= 1:
                raise ValueError(
                    f"a threshold is a confidence from 0 to 1 of one of {names}. "
                    f"Received: {name}={least}"
                )

    @classmethod
    def from_json(cls, content: dict) -> LabelRun:
        """A run from what `as_json` gave; its tasks are seen to be such."""
        lists = {name: tuple(content[name]) for name in ("tasks", "transforms")}
        for config in lists["tasks"]:
            from_config(config)
        return cls(**{**content, **lists})


class LabelShards(ShardFolder):
    """The shards of one run in its folder; see `ShardFolder` for its arguments and errors."""

    run: LabelRun

    def write(
        self,
        number: int,
        rows: Sequence[int] | np.ndarray,
        names: Sequence[str] | np.ndarray,
        columns: Mapping[str, np.ndarray],
        lacking: Mapping[str, np.ndarray],
        unreadable: Mapping[int, tuple[str, str]] | None = None,
    ) -> int:
        """Writes one shard: first what could not be read, then the labels.

        Args:
            number: of the shard.
            rows: `(n,)` the input's rows that were labelled, rising.
            names: `(n,)` their pictures' names.
            columns: what `kerasface.inference.Labeller` gave for them.
            lacking: by task `(n,)` bool, which rows are to have its label: those without a true
                one.
            unreadable: by row of the input, the picture's name and why it could not be read.

        Returns:
            How many labels were written.
        """
        return self.write_tables(
            number, label_table(self.run, rows, names, columns, lacking), unreadable
        )


def label_table(
    run: LabelRun,
    rows: Sequence[int] | np.ndarray,
    names: Sequence[str] | np.ndarray,
    columns: Mapping[str, np.ndarray],
    lacking: Mapping[str, np.ndarray],
) -> Any:
    """A `pyarrow.Table` with one label a row, in the order of `rows` and then of the tasks."""
    pa = arrow()
    rows, names = np.asarray(rows, np.int64), np.asarray(names, str)
    tables, order = [], []
    for place, config in enumerate(run.tasks):
        task = from_config(config)
        chosen = np.flatnonzero(lacking[task.name])
        tables.append(_task_table(pa, run, task, rows, names, columns, chosen))
        order.append(rows[chosen] * len(run.tasks) + place)
    table = pa.concat_tables(tables)
    return table.take(pa.array(np.argsort(np.concatenate(order)))).combine_chunks()


def _task_table(pa, run: LabelRun, task: Task, rows, names, columns, chosen) -> Any:
    label, soft = columns[f"{task.name}/label"][chosen], columns[f"{task.name}/soft"][chosen]
    confidence = columns[f"{task.name}/confidence"][chosen].astype("float32")
    spread, classes = columns.get(f"{task.name}/spread"), getattr(task, "classes", None)
    same = {
        "transforms": ",".join(run.transforms),
        "teacher": run.teacher,
        "teacher_sha256": run.teacher_sha256,
        "kerasface_version": run.version,
    }

    def repeated(value):
        return pa.array([value] * len(chosen), pa.string())

    named = [classes[number] for number in label] if classes else [None] * len(chosen)
    return pa.table(
        {
            "image": pa.array(names[chosen].tolist(), pa.string()),
            "row": pa.array(rows[chosen]),
            "dataset": repeated(run.dataset),
            "task": repeated(task.name),
            "kind": repeated(task.kind),
            "class": pa.array(named, pa.string()),
            "label": _lists(pa, label),
            "soft": _lists(pa, soft),
            "confidence": pa.array(confidence),
            "spread": pa.nulls(len(chosen), pa.float32())
            if spread is None
            else pa.array(spread[chosen].astype("float32")),
            "kept": pa.array(confidence >= np.float32(run.thresholds.get(task.name, 0.0))),
            **{name: repeated(value) for name, value in same.items()},
        }
    )


def _lists(pa, values: np.ndarray) -> Any:
    """`(rows, ...)` as a column of lists of float32."""
    size = int(np.prod(values.shape[1:]))  # 1 for `(rows,)`
    flat = np.asarray(values, "float32").reshape(len(values), size)
    ends = np.arange(len(flat) + 1, dtype=np.int32) * np.int32(size)
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(flat.ravel()))
