"""What a trained network answers to those who test, and how sure a mean of answers is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.measures import confusion_matrix
from kerasface.evaluation.protocols import Tested, find_protocol
from kerasface.models import FaceModel
from kerasface.training.validation import predict
from recipes.distill_2md_mtl.records import people_of

RESAMPLES = 2000


def answer(model: FaceModel, tests: dict[str, PreparedSet], split: str, run: Path) -> dict:
    """Results by protocol, of those whose task the model has; the answers are kept beside."""
    results, has = {}, {task.name for task in model.tasks}
    for name, prepared in tests.items():
        protocol = find_protocol(name)
        label = protocol.target.label_task().name
        if label not in has:
            continue
        test = prepared.take(prepared.masks[label])
        outputs = predict(model, test.images)
        np.savez(run / f"answers-{name}.npz", names=test.names, **{label: outputs[label]})
        task, answers = protocol.target.answers(model.tasks, outputs)
        people = people_of(test)
        results[name] = protocol.score(
            [Tested(split, task, answers, test.labels[label], people, test.names, run)]
        )
    return results


def hits(part: Tested) -> np.ndarray:
    """`(rows,)` bool, which rows were answered rightly."""
    return part.outputs.argmax(-1) == part.labels


def confusion(parts: list[Tested]) -> list[list[int]]:
    """Counts over all parts, true class by row."""
    size = len(parts[0].task.classes)
    each = [confusion_matrix(part.labels, part.outputs.argmax(-1), size) for part in parts]
    return np.sum(each, axis=0).astype(int).tolist()


def interval(rows: np.ndarray, people: np.ndarray) -> list[float]:
    """95 % bootstrap interval over people of the mean of `(rows,)` numbers."""
    _, place = np.unique(people, return_inverse=True)
    sums, counts = np.bincount(place, rows), np.bincount(place)
    chance = np.random.default_rng(0)
    drawn = chance.integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    return [float(each) for each in np.quantile(means, (0.025, 0.975))]
