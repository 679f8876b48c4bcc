"""What a manifest says of an entry's files for other runtimes, and its rules."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerasface.zoo.errors import ManifestError
from kerasface.zoo.names import check_relative
from kerasface.zoo.schema import (
    choice,
    complain,
    fact,
    listing,
    mapping,
    number,
    record,
    task_name,
    text,
    whole,
)

if TYPE_CHECKING:
    from kerasface.zoo.manifest import Manifest

RUNTIMES = ("litert", "onnx", "openvino")
PRECISIONS = ("float32", "float16", "int8")
# Largest difference from Keras's answers to the probe (see `kerasface.zoo.agreement`): of outputs
# as shares of the task's largest in float32, of probabilities in float16.
ALLOWED = {"float32": 1e-4, "float16": 1e-2}
# Largest difference of int8 from its own recorded answers: processors round a sum differently.
ALLOWED_INT8 = 0.05
# Accuracy, a share, that int8 may lose over all faces it was measured on.
MOST_LOST = 0.005
# Share of answers that int8 changes, some for the better, at most in the first student: 0.6 % of
# genders, 5 % of nine age groups. It makes what one small set seems to lose uncertain.
CHANGED = 0.05


@dataclass(frozen=True)
class ExportMeasure:
    """One number measured with the file (`value`) and, on the same `n` faces, in Keras (`full`)."""

    task: str = fact(task_name)
    dataset: str = fact(text(100))
    split: str = fact(text(100))
    metric: str = fact(text(100))
    value: float = fact(number())
    full: float = fact(number())
    n: int = fact(whole(1, 10**10))


def accuracy_lost(measures: Iterable[ExportMeasure]) -> float | None:
    """Share of right answers lost, over all faces of all rows that measure accuracy; None of none.

    Example:
        >>> rows = (("a", 0.890, 0.900, 300), ("b", 0.815, 0.812, 100))
        >>> [a, b] = [ExportMeasure("t", d, "v", "accuracy", *row) for d, *row in rows]
        >>> round(accuracy_lost([a, b]), 5)  # (300 * 0.010 - 100 * 0.003) / 400
        0.00675
    """
    rows = [row for row in measures if row.metric == "accuracy"]
    if not rows:
        return None
    return sum(row.n * (row.full - row.value) for row in rows) / sum(row.n for row in rows)


def allowed_on(n: int) -> float:
    """Share of accuracy that int8 may lose on one set of so many faces.

    `MOST_LOST` and twice the standard error `sqrt(CHANGED / n)` of the net change that changed
    answers make by chance: 1.8 points on 1,217 faces, 0.95 on 10,000.
    """
    return MOST_LOST + 2.0 * math.sqrt(CHANGED / n)


@dataclass(frozen=True)
class ExportFact:
    """The network as one file (OpenVINO: two) for another runtime.

    Attributes:
        files: names among the manifest's `files`, which hold sizes and hashes; the first is the
            one that is opened.
        difference: largest difference from the manifest's probe, as `ALLOWED` measures it, for
            int8 of probabilities.
        outputs: int8's own answers to the probe's input, which a reader compares with.
        calibration: of int8, by which faces its ranges were measured.
        measures: what int8 costs on validation sets.
    """

    runtime: str = fact(choice(*RUNTIMES))
    precision: str = fact(choice(*PRECISIONS))
    files: tuple[str, ...] = fact(listing(lambda value, where: check_relative(value), 1, 4))
    difference: float = fact(number(0.0))
    outputs: dict[str, tuple[tuple[float, ...], ...]] | None = fact(
        mapping(task_name, listing(listing(number(), 1), 1), 1), default=None
    )
    calibration: str | None = fact(text(500), default=None)
    measures: tuple[ExportMeasure, ...] | None = fact(
        listing(record(ExportMeasure), 1), default=None
    )

    @property
    def name(self) -> str:
        """Runtime and precision in one: "litert-int8"."""
        return f"{self.runtime}-{self.precision}"


def check_exports(manifest: Manifest) -> None:
    """Rules between the records of exported files and the rest of the manifest.

    Raises:
        ManifestError: one line, naming the field.
    """
    sizes = {task.name: task.outputs for task in manifest.tasks}
    names = [export.name for export in manifest.exports or ()]
    if len(set(names)) < len(names):
        raise complain("exports", "of different runtime and precision", names)
    for place, export in enumerate(manifest.exports or ()):
        where = f"exports[{place}]"
        for file in export.files:
            if file not in manifest.files:
                raise ManifestError(f"{where}.files: {file} is not among files")
        allowed = ALLOWED.get(export.precision)
        if allowed is not None and export.difference > allowed:
            raise complain(f"{where}.difference", f"at most {allowed:g}", export.difference)
        if export.precision == "int8":
            if export.outputs is None or export.calibration is None:
                raise ManifestError(f"{where}: int8 needs outputs and calibration")
            shapes = {
                task: sorted({(len(rows), len(row)) for row in rows})
                for task, rows in export.outputs.items()
            }
            wanted = {name: [(manifest.probe.count, size)] for name, size in sizes.items()}
            if shapes != wanted:
                raise complain(f"{where}.outputs", f"of shapes {wanted}", shapes)
        for row, measure in enumerate(export.measures or ()):
            _check_measure(measure, f"{where}.measures[{row}]", sizes)
        lost = accuracy_lost(export.measures or ())
        if lost is not None and lost > MOST_LOST:
            rule = f"of an accuracy at most {100 * MOST_LOST:g} points under Keras's in all"
            raise complain(f"{where}.measures", rule, f"{100 * lost:.2f} points")


def _check_measure(measure: ExportMeasure, where: str, tasks) -> None:
    if measure.task not in tasks:
        raise complain(f"{where}.task", f"one of {sorted(tasks)}", measure.task)
    if measure.metric != "accuracy":
        return
    if not (0 <= measure.value <= 1 and 0 <= measure.full <= 1):
        raise complain(where, "shares from 0 to 1 (no percentage)", (measure.value, measure.full))
    allowed = allowed_on(measure.n)
    if measure.full - measure.value > allowed:
        raise complain(
            f"{where}.value",
            f"within {100 * allowed:.1f} points of the accuracy {measure.full:.4f} in Keras "
            f"({measure.task}, {measure.dataset})",
            measure.value,
        )
