"""Pseudo-labels as Parquet shards in a folder: written by one run, each whole or not at all.

A folder holds `about.json` (the run: data set, tasks, transforms, teacher, thresholds, input),
`labels-00000-of-00003.parquet` and so on, and `unreadable-00000-of-00003.parquet` where pictures
of that part could not be read. Shard `k` is of the input's rows from `k * rows_per_shard` on, so
what a killed run finished stays, and the same run begun again writes only what is missing.

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

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from kerasface.data.parquet import DamagedShard, arrow, read_about, write_table
from kerasface.tasks import Task, from_config

RUN_FILE = "about.json"
FORMAT = 1


class ForeignShard(ValueError):
    """Labels of another run where this one's should be; one line says what differs."""


@dataclass(frozen=True)
class LabelRun:
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
        if self.rows < 1 or self.rows_per_shard < 1:
            raise ValueError(
                "there must be pictures, and one or more a shard. "
                f"Received: rows={self.rows}, rows_per_shard={self.rows_per_shard}"
            )
        names = [config["name"] for config in self.tasks]
        for name, least in self.thresholds.items():
            if name not in names or not 0 <= least <= 1:
                raise ValueError(
                    f"a threshold is a confidence from 0 to 1 of one of {names}. "
                    f"Received: {name}={least}"
                )

    @property
    def shards(self) -> int:
        """How many there are when all is done."""
        return -(-self.rows // self.rows_per_shard)

    @property
    def digest(self) -> str:
        """sha256 of all fields; every shard carries it."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict:
        """The fields as JSON holds them."""
        return json.loads(json.dumps(asdict(self)))

    def part(self, number: int) -> range:
        """The input's rows of shard `number`."""
        start = number * self.rows_per_shard
        return range(start, min(start + self.rows_per_shard, self.rows))

    def file(self, folder: Path, number: int, kind: str = "labels") -> Path:
        """Path of shard `number`, `kind` being "labels" or "unreadable"."""
        return folder / f"{kind}-{number:05d}-of-{self.shards:05d}.parquet"


def read_run(folder: str | Path) -> LabelRun:
    """The run that a folder of labels is of.

    Raises:
        DamagedShard: there is no `about.json`, or not one of ours.
    """
    path = Path(folder) / RUN_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORMAT:
            raise ValueError(f"format must be {FORMAT}")
        for name in ("tasks", "transforms"):
            content[name] = tuple(content[name])
        run = LabelRun(**content)
        for config in run.tasks:
            from_config(config)
        return run
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedShard(f"{path}: no description of labels ({error})") from None


class LabelShards:
    """The shards of one run in its folder.

    Args:
        folder: made if it is not there.
        run: what is being labelled.

    Raises:
        ForeignShard: the folder holds another run's labels.
        ImportError: pyarrow is not installed.
    """

    def __init__(self, folder: str | Path, run: LabelRun):
        arrow()
        self.folder, self.run = Path(folder), run
        self.folder.mkdir(parents=True, exist_ok=True)
        written = self.folder / RUN_FILE
        if written.exists():
            there, mine = read_run(self.folder).as_json(), run.as_json()
            changed = [each.name for each in fields(run) if there[each.name] != mine[each.name]]
            if changed:
                raise ForeignShard(
                    f"{self.folder} holds labels of another run; take another folder or remove "
                    f"it. Received: different {', '.join(changed)}"
                )
        else:
            unfinished = written.with_name(written.name + ".part")
            content = json.dumps({"format": FORMAT, **run.as_json()}, indent=1)
            unfinished.write_text(content + "\n", encoding="utf-8")
            os.replace(unfinished, written)

    def is_finished(self, number: int) -> bool:
        """Whether a shard is there.

        Raises:
            DamagedShard: its file is cut short or not a label file.
            ForeignShard: it was written by another run or is of another part.
        """
        path = self.run.file(self.folder, number)
        if not path.exists():
            return False
        check_shard(path, self.run, number)
        return True

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
        pa = arrow()
        about = {"run": self.run.digest, "shard": number}
        aside = self.run.file(self.folder, number, "unreadable")
        if unreadable:
            bad = sorted(unreadable)
            table = pa.table(
                {
                    "image": [unreadable[row][0] for row in bad],
                    "row": pa.array(bad, pa.int64()),
                    "error": [unreadable[row][1] for row in bad],
                }
            )
            write_table(table, aside, about)
        else:
            aside.unlink(missing_ok=True)  # of a try that was killed before its labels
        table = label_table(self.run, rows, names, columns, lacking)
        write_table(table, self.run.file(self.folder, number), about)
        return table.num_rows


def check_shard(path: Path, run: LabelRun, number: int) -> None:
    """Sees that a file is shard `number` of a run.

    Raises:
        DamagedShard: it does not read.
        ForeignShard: it is another run's, or another part.
    """
    about = read_about(path)
    if (about.get("run"), about.get("shard")) != (run.digest, number):
        raise ForeignShard(
            f"{path} was written by another run or for another part; remove it or take another "
            f"folder. Received: shard {about.get('shard')} of run {str(about.get('run'))[:12]}"
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
