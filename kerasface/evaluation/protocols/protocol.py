"""A protocol: which rows train and test, what is asked, what is measured and how it is averaged."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kerasface.data.prepare import prepare
from kerasface.data.prepared import PreparedSet
from kerasface.data.readers import read
from kerasface.data.table import FaceTable
from kerasface.data.template import SET_BOXES, SIZE, crop_box
from kerasface.evaluation.intervals import measure_with_intervals
from kerasface.evaluation.measures import confusion_matrix, measure
from kerasface.evaluation.protocols.splits import Split, person_of, without_near_duplicates
from kerasface.evaluation.protocols.splitting import Folds, Portion, Stated
from kerasface.evaluation.protocols.targets import ClassTarget, NumberTarget, TwoAges
from kerasface.evaluation.protocols.views import AllRows, Tested
from kerasface.tasks import Task

WHOLE = (0.0, 0.0, 1.0, 1.0)
CLASS_METRICS = ("accuracy", "balanced_accuracy", "macro_f1")
NUMBER_METRICS = ("mean_absolute_error", "root_mean_squared_error", "within_5")
POOLED = "every tested row once; 95 % interval by bootstrap over people (over rows of nobody named)"
FOLDED = f"{POOLED}; beside it mean and standard deviation over the splits"


@dataclass(frozen=True)
class Protocol:
    """How a model is tested, so that two numbers of one protocol's name can be compared.

    Args:
        name: what stands in the JSON of results.
        about: a sentence for people.
        readers: of the set that tests: names of `kerasface.data.READERS`, of which the first
            that finds its layout reads.
        target: what is asked.
        splitting: which rows train and test.
        views: parts of the tested rows; the first is the headline.
        training: readers of another set that trains, where it is not the one that tests.
        options: of the readers.
        near_bits: bits of 64 of the perceptual hash in which a training row of a set split by row
            may differ from a tested one and is dropped; None where rows of one person, or a
            reader's own rules, keep the sides apart.

    Example:

        protocol = find_protocol("ck48_10fold")
        table = protocol.read("data")
        parts = []
        for split in protocol.splits(table):
            model = train_on(split.train)  # yours
            test = protocol.test_set(table, split)
            parts.append(protocol.tested(table, split, test, model.tasks, outputs_of(model, test)))
        result = protocol.score(parts)  # JSON-safe
    """

    name: str
    about: str
    readers: tuple[str, ...]
    target: ClassTarget | TwoAges | NumberTarget
    splitting: Folds | Portion | Stated
    views: tuple[Any, ...] = (AllRows(),)
    training: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    near_bits: int | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the measures; the first is the headline."""
        return NUMBER_METRICS if isinstance(self.target, NumberTarget) else CLASS_METRICS

    def read(self, data: str | os.PathLike) -> FaceTable:
        """The set that tests, in its folder or in the folder that holds it; only rows that test.

        Raises:
            FileNotFoundError: none of the readers finds its layout there.
            ValueError: no row has a label that is asked for.
        """
        table = _read(self.readers, data, self.options)
        kept = table.filter(where=lambda row: self.target.label(row.labels) is not None)
        if not len(kept):
            raise ValueError(
                f"no row has a label for '{self.name}'. Received: {str(table.report)!r}"
            )
        return kept

    def read_training(self, data: str | os.PathLike) -> FaceTable:
        """The set that trains; the one that tests, unless the protocol goes across sets."""
        return _read(self.training, data, {}) if self.training else self.read(data)

    def splits(
        self, table: FaceTable, training: FaceTable | None = None, clean: bool = False
    ) -> list[Split]:
        """Which rows train and test.

        Args:
            table: of `read`.
            training: of `read_training`, for a protocol across sets; without it `train` is
                empty there, which is enough to test.
            clean: drop training rows that nearly equal a tested one, where `near_bits` says so;
                decodes every picture. To train, take True.

        Raises:
            ValueError: a side would have no rows.
        """
        if training is None:
            training = FaceTable(table.root, [], table.report) if self.training else table
        found = self.splitting.splits(table, training)
        if clean and self.near_bits is not None:
            bits = self.near_bits
            found = [without_near_duplicates(each, table, bits)[0] for each in found]
        return found

    def test_set(self, table: FaceTable, split: Split, size: int = SIZE) -> PreparedSet:
        """The tested rows as crops at the template, `(size, size, 3)`, with the protocol's label.

        Raises:
            ValueError: none of the pictures could be read.
        """
        place = {table.name_of(index): index for index in range(len(table))}
        rows = [table.rows[place[name]] for name in split.test]
        task = self.target.label_task()
        rows = [row._replace(labels={task.name: self.target.label(row.labels)}) for row in rows]
        box = SET_BOXES.get(rows[0].domain, WHOLE)
        part = FaceTable(table.root, rows, table.report)
        prepared = prepare(part, [task], lambda image, row: crop_box(image, box, size))
        # Rows of pixels are named by their place, which is another one in the part.
        named = {part.name_of(number): name for number, name in enumerate(split.test)}
        return replace(prepared, names=np.array([named[name] for name in prepared.names], str))

    def tested(
        self,
        table: FaceTable,
        split: Split,
        test: PreparedSet,
        tasks: Sequence[Task],
        outputs: Mapping[str, np.ndarray],
    ) -> Tested:
        """A model's outputs for the tested rows, as the protocol understands them.

        Args:
            table: of `read`.
            split: whose rows they are.
            test: of `test_set`.
            tasks: the model's.
            outputs: by the model's task name, `(rows, output_size)`.

        Raises:
            ValueError: the model has no task that answers.
        """
        task, answers = self.target.answers(tasks, outputs)
        names, who = test.names.tolist(), test.subjects.tolist()
        people = np.array([person_of(n, each) for n, each in zip(names, who, strict=True)])
        labels = test.labels[self.target.label_task().name]
        return Tested(split.name, task, answers, labels, people, test.names, table.root)

    def score(self, parts: Sequence[Tested], resamples: int = 1000) -> dict:
        """The result of one or more tested splits, JSON-safe.

        Args:
            parts: of `tested`, one a split, under equal tasks.
            resamples: draws of the bootstrap.

        Returns:
            `{"protocol", "views", "headline"}`. A view has its rows and people, `measures` with
            95 % intervals over all rows together, `splits` with the measures of each, and from
            two splits on `over_splits` with mean and standard deviation; classes also
            `confusion` (true class by row) and `ceiling`, the share of rows whose class the
            model can give at all.

        Raises:
            ValueError: no part, or parts of different tasks.
        """
        if not parts or any(part.task != parts[0].task for part in parts):
            raise ValueError(
                "parts must be one or more, of models with equal tasks. "
                f"Received: {[part.split for part in parts]}"
            )
        views = {}
        for view in self.views:
            masks = [view.rows(part) for part in parts]
            if all(mask is not None for mask in masks) and np.concatenate(masks).any():
                chosen = [part.take(mask) for part, mask in zip(parts, masks, strict=True)]
                views[view.name] = {"about": view.about, **self._view(chosen, resamples)}
        [first, *_] = views
        metric = self.metrics[0]
        headline = {"view": first, "metric": metric, **views[first]["measures"][metric]}
        return {"protocol": self.describe(parts), "headline": headline, "views": views}

    def describe(self, parts: Sequence[Tested] = ()) -> dict:
        """What the protocol is, JSON-safe."""
        task = self.target.label_task()
        return {
            "name": self.name,
            "about": self.about,
            "trained_on": list(self.training or self.readers)[0],
            "tested_on": self.readers[0],
            "task": task.name,
            "classes": list(getattr(task, "classes", ())),
            "answerable": list(getattr(self.target, "answerable", None) or ()),
            "splitting": {
                "kind": type(self.splitting).__name__.lower(),
                **vars(self.splitting),
                "tested": [part.split for part in parts],
            },
            "metrics": list(self.metrics),
            "averaging": POOLED if isinstance(self.splitting, Stated) else FOLDED,
        }

    def _view(self, parts: list[Tested], resamples: int) -> dict:
        parts = [part for part in parts if len(part.labels)]
        task = parts[0].task
        columns = ("outputs", "labels", "people")
        outputs, labels, people = (
            np.concatenate([getattr(part, name) for part in parts]) for name in columns
        )
        found = measure_with_intervals(task, outputs, labels, None, people, resamples)
        each = []
        for part in parts:
            figures = measure(task, part.outputs, part.labels)
            kept = {name: figures[name] for name in self.metrics}
            each.append({"split": part.split, "rows": len(part.labels), "measures": kept})
        result = {
            "rows": len(labels),
            "people": len(set(people.tolist())),
            "measures": {name: found[name] for name in self.metrics},
            "splits": each,
        }
        if len(each) > 1:
            result["over_splits"] = {
                name: {
                    "mean": float(np.mean([one["measures"][name] for one in each])),
                    "sd": float(np.std([one["measures"][name] for one in each], ddof=1)),
                    "splits": len(each),
                }
                for name in self.metrics
            }
        if hasattr(task, "classes"):
            guess = outputs.argmax(-1)
            counts = confusion_matrix(labels, guess, len(task.classes))
            possible = np.isfinite(outputs).any(axis=0)
            result["confusion"] = counts.astype(int).tolist()
            result["ceiling"] = float(possible[np.asarray(labels, int)].mean())
        return result


def _read(readers: Sequence[str], data, options: Mapping[str, Any]) -> FaceTable:
    missing = None
    for name in readers:
        try:
            return read(name, data, **options)
        except (FileNotFoundError, NotADirectoryError) as error:
            missing = missing or error
    raise missing
