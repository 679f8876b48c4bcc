"""A data set ready to train on: fixed-size crops, encoded labels, and which of them are known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

# Fields of a set that are dicts of columns by task name.
COLUMN_KINDS = ("labels", "masks", "soft", "confidence")


@dataclass(frozen=True)
class PreparedSet:
    """Crops and labels of one data set, in memory.

    Args:
        images: `(rows, height, width, 3)` uint8, RGB 0..255.
        labels: by task name, `(rows, *label_shape)`; rows without the label hold the
            task's filler, a legal value that no loss can trip over.
        masks: by task name, `(rows,)` bool, true where the label is known.
        subjects: `(rows,)` str, who is in the picture; empty where it is not known.
        domain: name of the data set.
        names: `(rows,)` str, the file each row came from.
        report: lines about rows that were read and skipped.
        soft: by task name, `(rows, output_size)` float32 outputs of a teacher, where they
            have been computed once and kept (see `kerasface.training.cache_teacher`).
        confidence: by task name, `(rows,)` float32 from 0 to 1, how much each known label counts
            beside a wholly trusted one; a task without a column counts all its labels alike.

    Raises:
        ValueError: columns differ in their number of rows, a label has no mask, images or
            masks are of another dtype or rank, or a confidence lies outside 0..1.
    """

    images: np.ndarray
    labels: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    subjects: np.ndarray
    domain: str
    names: np.ndarray
    report: tuple[str, ...] = ()
    soft: dict[str, np.ndarray] = field(default_factory=dict)
    confidence: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        if set(self.labels) != set(self.masks):
            raise ValueError(
                "every label column needs a mask of the same name. "
                f"Received: labels={sorted(self.labels)}, masks={sorted(self.masks)}"
            )
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                "images must be uint8 (rows, height, width, channels). "
                f"Received: {self.images.dtype} of shape {self.images.shape}"
            )
        for name, mask in self.masks.items():
            if mask.dtype != bool or mask.ndim != 1:
                raise ValueError(
                    f"mask '{name}' must be bool of shape (rows,). "
                    f"Received: {mask.dtype} of shape {mask.shape}"
                )
        columns = {"subjects": self.subjects, "names": self.names}
        columns |= {f"label {name}": column for name, column in self.labels.items()}
        columns |= {f"mask {name}": column for name, column in self.masks.items()}
        columns |= {f"soft {name}": column for name, column in self.soft.items()}
        columns |= {f"confidence {name}": column for name, column in self.confidence.items()}
        for name, column in columns.items():
            if len(column) != len(self.images):
                raise ValueError(
                    f"column '{name}' must have one row an image, {len(self.images)}. "
                    f"Received: {len(column)} rows"
                )
        for name, column in self.confidence.items():
            if not ((column >= 0) & (column <= 1)).all():
                raise ValueError(
                    f"confidence in labels of '{name}' must be from 0 to 1. "
                    f"Received: from {column.min()} to {column.max()}"
                )

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Sequence[int] | np.ndarray) -> PreparedSet:
        """The given rows (indices or a bool mask) as a new set."""
        rows = np.asarray(rows)
        rows = rows if rows.size else rows.astype(int)  # an empty list comes as floats
        return replace(
            self,
            images=self.images[rows],
            labels={name: column[rows] for name, column in self.labels.items()},
            masks={name: column[rows] for name, column in self.masks.items()},
            subjects=self.subjects[rows],
            names=self.names[rows],
            soft={name: column[rows] for name, column in self.soft.items()},
            confidence={name: column[rows] for name, column in self.confidence.items()},
        )

    def labelled(self, task: str) -> int:
        """How many rows have a label for `task`."""
        return int(self.masks[task].sum()) if task in self.masks else 0

    def save(self, path: str | Path) -> None:
        """Write everything to one `.npz` file (nothing in it is pickled)."""
        arrays = {"images": self.images, "subjects": self.subjects, "names": self.names}
        for kind in COLUMN_KINDS:
            arrays |= {f"{kind}/{name}": column for name, column in getattr(self, kind).items()}
        about = json.dumps({"domain": self.domain, "report": list(self.report)})
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".part.npz")
        np.savez(unfinished, about=np.array(about), **arrays)
        unfinished.replace(path)

    @classmethod
    def load(cls, path: str | Path) -> PreparedSet:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no prepared set, or damaged; one line that names it.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls._of_arrays(stored)
        except FileNotFoundError:
            raise
        # Archive, arrays and JSON each have errors of their own for bytes that are not theirs.
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(f"{path} is no prepared set, or a damaged one ({reason})") from None

    @classmethod
    def _of_arrays(cls, stored) -> PreparedSet:
        about = json.loads(str(stored["about"]))
        kinds: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in COLUMN_KINDS}
        for key in stored.files:
            kind, _, name = key.partition("/")
            if kind in kinds:
                kinds[kind][name] = stored[key]
        return cls(
            images=stored["images"],
            subjects=stored["subjects"],
            names=stored["names"],
            domain=about["domain"],
            report=tuple(about["report"]),
            **kinds,
        )


def encode_labels(tasks: Iterable, rows: Sequence[dict]) -> tuple[dict, dict]:
    """Label columns and masks for rows that each know only some tasks.

    Args:
        tasks: `Task` objects.
        rows: one dict of raw labels a picture; a missing task is simply not in it.

    Returns:
        `(labels, masks)`: by task name, `(rows, *label_shape)` of the task's dtype with its
        filler where nothing is known, and `(rows,)` bool.
    """
    labels, masks = {}, {}
    for task in tasks:
        column = np.empty((len(rows), *task.label_shape), task.label_dtype)
        column[...] = task.filler
        mask = np.zeros(len(rows), bool)
        for row, known in enumerate(rows):
            if known.get(task.name) is not None:
                column[row] = task.encode(known[task.name])
                mask[row] = True
        labels[task.name], masks[task.name] = column, mask
    return labels, masks


def illegal_label(tasks: Iterable, labels: dict) -> str | None:
    """What is wrong with a row's raw labels, or None: the first task's own words."""
    for task in tasks:
        if labels.get(task.name) is not None:
            try:
                task.encode(labels[task.name])
            except (ValueError, TypeError) as error:
                return str(error)
    return None
