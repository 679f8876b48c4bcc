"""What a manifest says of how sure an entry's answers are, and its rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerasface.zoo.errors import ManifestError
from kerasface.zoo.names import check_relative
from kerasface.zoo.schema import complain, fact, listing, number, record, task_name, text, whole

if TYPE_CHECKING:
    from kerasface.zoo.manifest import Manifest

# A fit at an end of these has found no temperature but a network that learned nothing, or labels
# that are another task's.
LOWEST, HIGHEST = 0.05, 20.0

share = number(0.0, 1.0)
count = whole(1, 10**10)


@dataclass(frozen=True)
class CalibrationMeasure:
    """Calibration error and mean negative log-likelihood (nats) before and after scaling."""

    dataset: str = fact(text(100))
    split: str = fact(text(100))
    ece_before: float = fact(share)
    ece_after: float = fact(share)
    nll_before: float = fact(number(0.0))
    nll_after: float = fact(number(0.0))
    n: int = fact(count)


@dataclass(frozen=True)
class AnsweredMeasure:
    """Share of faces whose scaled confidence reaches a threshold, and the accuracy among them.

    `accuracy` is left out where no face reaches it.
    """

    threshold: float = fact(share)
    answered: float = fact(share)
    accuracy: float | None = fact(share, default=None)


@dataclass(frozen=True)
class TemperatureFact:
    """The temperature by which a classification task's logits are divided.

    Attributes:
        fitted_on: in words, on which faces; others than those it is measured on.
        fitted: how many.
        measures: on faces it was not fitted on, a row a data set.
        answered: on the same faces, each data set counting the same, by rising thresholds.
        figure: reliability diagram before and after, a name among the manifest's figures.
    """

    task: str = fact(task_name)
    temperature: float = fact(number(LOWEST, HIGHEST))
    fitted_on: str = fact(text(500))
    fitted: int = fact(count)
    measures: tuple[CalibrationMeasure, ...] = fact(listing(record(CalibrationMeasure), 1))
    answered: tuple[AnsweredMeasure, ...] = fact(listing(record(AnsweredMeasure)), default=())
    figure: str | None = fact(lambda value, where: check_relative(value), default=None)


def check_temperatures(manifest: Manifest) -> None:
    """Rules between the temperatures and the rest of the manifest.

    Raises:
        ManifestError: one line, naming the field.
    """
    kinds = {task.name: task.kind for task in manifest.tasks}
    names = [each.task for each in manifest.temperatures or ()]
    if len(set(names)) < len(names):
        raise complain("temperatures", "of different tasks", names)
    for place, each in enumerate(manifest.temperatures or ()):
        where = f"temperatures[{place}]"
        if kinds.get(each.task) != "classification":
            allowed = sorted(name for name, kind in kinds.items() if kind == "classification")
            raise complain(f"{where}.task", f"one of the classifications {allowed}", each.task)
        if each.figure is not None and each.figure not in manifest.figures:
            raise ManifestError(f"{where}.figure: {each.figure} is not among figures")
        thresholds = [row.threshold for row in each.answered]
        if thresholds != sorted(set(thresholds)):
            raise complain(f"{where}.answered", "of rising thresholds", thresholds)
        shares = [row.answered for row in each.answered]
        if shares != sorted(shares, reverse=True):
            raise complain(f"{where}.answered", "of falling shares", shares)
