"""The data of a run, looked at before its first step and known again when it goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from kerasface.data.batches import check_pictures, task_columns
from kerasface.data.prepared import PreparedSet
from kerasface.tasks import Task

FILE = "data.json"


class ChangedData(ValueError):
    """A run goes on with other data than it began with; the line names the set."""


def check_data(
    folder: str | Path,
    parts: Mapping[str, Mapping[str, PreparedSet]],
    tasks: Iterable[Task],
    writes: bool = True,
) -> None:
    """Finds bad labels before the first step, and sees that the data is what a run began with.

    A batch is a function of its step and of the sets (`kerasface.data.mix`), so a run that goes on
    after a row was lost sees other batches without a word. The first call writes `data.json`
    into the run's folder (a run that was begun without it gets one), later ones compare.

    Args:
        folder: the run's.
        parts: by part of the data ("train", "validation") its sets by name.
        tasks: whose labels are looked at, in every set.
        writes: False in the processes of several hosts that only read.

    Raises:
        ValueError: a label that its task cannot have, with set, row and picture; a set without a
            row, or pictures of several sizes.
        ChangedData: a set is gone or new, or has fewer, more or other rows than at the beginning.
    """
    tasks = tuple(tasks)
    for sets in parts.values():
        check_labels(sets, tasks)
    found = {
        f"{part}/{name}": {"rows": len(prepared), "sha256": data_digest(prepared)}
        for part, sets in parts.items()
        for name, prepared in sets.items()
    }
    file = Path(folder) / FILE
    if file.exists():
        _compare(file, json.loads(file.read_text(encoding="utf-8")), found)
    elif writes:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(file.name + ".part")
        unfinished.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        os.replace(unfinished, file)


def check_labels(sets: Mapping[str, PreparedSet], tasks: Iterable[Task]) -> None:
    """Finds bad labels, in sets that the run may have more or fewer of when it goes on.

    Raises:
        ValueError: as `check_data`.
    """
    check_pictures(sets)
    for prepared in sets.values():
        for task in tasks:
            task_columns(prepared, task)


def data_digest(prepared: PreparedSet) -> str:
    """sha256 over names, pictures, labels and masks of a set, and how much its labels count."""
    digest = hashlib.sha256("\n".join(map(str, prepared.names)).encode())
    digest.update(np.ascontiguousarray(prepared.images))
    for columns in (prepared.labels, prepared.masks, prepared.confidence):
        for name in sorted(columns):
            digest.update(f"{name} {columns[name].dtype} {columns[name].shape}".encode())
            digest.update(np.ascontiguousarray(columns[name]))
    return digest.hexdigest()


def _compare(file: Path, before: dict, found: dict) -> None:
    for name in sorted({*before, *found}):
        then, now = before.get(name), found.get(name)
        if then == now:
            continue
        if then is None or now is None:
            what = "is new" if then is None else "is missing"
        elif then["rows"] == now["rows"]:
            what = "has other pictures or labels"
        else:
            what = f"has {now['rows']:,} rows where there were {then['rows']:,}"
        raise ChangedData(
            f"{file.parent}: the set {name} {what}, so this run cannot go on as it began; bring "
            f"the data back or begin another. Received: {now and now['rows']} rows"
        )
