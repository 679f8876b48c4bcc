"""What a protocol asks of a model: which label counts, and how a head's outputs answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.tasks import Classification, Regression, Task

# The paper: "younger than 38 years old and older than 43", the rest ignored (section 5.1).
YOUNG_BELOW, OLD_ABOVE = 38.0, 43.0
TWO_AGES = (f"younger than {YOUNG_BELOW:g}", f"older than {OLD_ABOVE:g}")
TWO_AGES_TASK = "age_two_class"
BETWEEN = (YOUNG_BELOW + OLD_ABOVE) / 2


@dataclass(frozen=True)
class ClassTarget:
    """A class out of a stated list, from a head that may know others, or lack some.

    The answer is the most likely of the classes in `answerable` that the head has. Its other
    outputs are left out, and a face of a class that cannot be answered is counted wrong.

    Args:
        task: name of the model's classification task and of the rows' label.
        classes: what a row can be; rows of another label do not test.
        answerable: what the model may answer, default all of them.
    """

    task: str
    classes: tuple[str, ...]
    answerable: tuple[str, ...] | None = None

    def label_task(self) -> Task:
        """The task under which the labels are encoded."""
        return Classification(self.task, self.classes)

    def label(self, known: Mapping) -> str | None:
        """A row's class, or None where it does not test."""
        name = known.get(self.task)
        return name if name in self.classes else None

    def answers(
        self, tasks: Sequence[Task], outputs: Mapping[str, np.ndarray]
    ) -> tuple[Task, np.ndarray]:
        """The task to measure under, and `(rows, classes)` logits, -inf where none can answer.

        Raises:
            ValueError: the model has no such task, or its head none of the classes.
        """
        task = _task(tasks, self.task, "classification")
        columns = [
            task.classes.index(name) if self.can(task, name) else -1 for name in self.classes
        ]
        if max(columns) < 0:
            raise ValueError(
                f"the model's '{self.task}' must know some of {list(self.classes)}. "
                f"Received: {list(task.classes)}"
            )
        given = np.asarray(outputs[self.task], "float64")
        logits = np.full((len(given), len(columns)), -np.inf)
        for place, column in enumerate(columns):
            if column >= 0:
                logits[:, place] = given[:, column]
        return self.label_task(), logits

    def can(self, task: Task, name: str) -> bool:
        """Whether a head may give that answer."""
        allowed = self.classes if self.answerable is None else self.answerable
        return name in allowed and name in task.classes


@dataclass(frozen=True)
class TwoAges:
    """Younger than 38 or older than 43; ages from 38 to 43 do not test.

    A model answers by a task of its own of two classes (`two_ages_task`), or by an age in years,
    which is taken as younger up to the middle, 40.5.
    """

    task: str = TWO_AGES_TASK

    def label_task(self) -> Task:
        """The task under which the labels are encoded."""
        return two_ages_task()

    def label(self, known: Mapping) -> str | None:
        """A row's class, or None where it does not test."""
        return None if known.get("age") is None else two_ages(known["age"])

    def answers(
        self, tasks: Sequence[Task], outputs: Mapping[str, np.ndarray]
    ) -> tuple[Task, np.ndarray]:
        """The task to measure under, and `(rows, 2)` logits; of years, their way from 40.5.

        Raises:
            ValueError: the model has neither task.
        """
        by_name = {task.name: task for task in tasks}
        if TWO_AGES_TASK in by_name:
            return ClassTarget(TWO_AGES_TASK, TWO_AGES).answers(tasks, outputs)
        age = by_name.get("age")
        if age is None or age.kind != "regression":
            raise ValueError(
                f"the model must have the task '{TWO_AGES_TASK}', or 'age' in years. "
                f"Received: {list(by_name)}"
            )
        years = np.asarray(age.expected(outputs["age"]), "float64")
        return self.label_task(), np.stack([BETWEEN - years, years - BETWEEN], axis=1)


@dataclass(frozen=True)
class NumberTarget:
    """A number, from the model's own regression task of that name.

    Args:
        task: name of the model's task and of the rows' label.
        unit: of the labels.
        range: lowest and highest label that tests.
    """

    task: str
    unit: str
    range: tuple[float, float]

    def label_task(self) -> Task:
        """The task under which the labels are encoded."""
        return Regression(self.task, self.unit, self.range)

    def label(self, known: Mapping) -> float | None:
        """A row's number, or None where it does not test."""
        value = known.get(self.task)
        inside = value is not None and self.range[0] <= value <= self.range[1]
        return float(value) if inside else None

    def answers(
        self, tasks: Sequence[Task], outputs: Mapping[str, np.ndarray]
    ) -> tuple[Task, np.ndarray]:
        """The model's task and its outputs as they are.

        Raises:
            ValueError: the model has no such task, or it answers in another unit.
        """
        task = _task(tasks, self.task, "regression")
        if task.unit != self.unit:
            raise ValueError(
                f"the model's '{self.task}' must be in {self.unit}. Received: {task.unit}"
            )
        return task, np.asarray(outputs[self.task])


def two_ages(years: float) -> str | None:
    """The class of an age, None from 38 to 43.

    Example:
        >>> two_ages(37.0), two_ages(38.0), two_ages(43.0), two_ages(44.0)
        ('younger than 38', None, None, 'older than 43')
    """
    if years < YOUNG_BELOW:
        return TWO_AGES[0]
    return TWO_AGES[1] if years > OLD_ABOVE else None


def two_ages_task(alpha: float = 1.0) -> Classification:
    """The task of two ages, to train with."""
    return Classification(TWO_AGES_TASK, TWO_AGES, alpha=alpha)


def with_two_ages(prepared: PreparedSet) -> PreparedSet:
    """The set with the labels of `two_ages_task` made from its ages in years.

    Raises:
        ValueError: the set has no column "age".
    """
    if "age" not in prepared.labels:
        raise ValueError(
            f"two ages are made from 'age' in years. Received: labels={sorted(prepared.labels)}"
        )
    known, years = prepared.masks["age"], np.asarray(prepared.labels["age"], "float64")
    old = known & (years > OLD_ABOVE)
    return replace(
        prepared,
        labels={**prepared.labels, TWO_AGES_TASK: old.astype("int32")},
        masks={**prepared.masks, TWO_AGES_TASK: old | (known & (years < YOUNG_BELOW))},
    )


def _task(tasks: Sequence[Task], name: str, kind: str) -> Task:
    for task in tasks:
        if task.name == name and task.kind == kind:
            return task
    raise ValueError(
        f"the model must have a {kind} task '{name}'. "
        f"Received: {[f'{task.name} ({task.kind})' for task in tasks]}"
    )
