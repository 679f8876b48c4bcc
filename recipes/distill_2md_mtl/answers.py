"""What finished runs answered, read from their files, and how sure a mean of them is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.measures import confusion_matrix
from kerasface.evaluation.protocols import Tested, find_protocol
from kerasface.models import FaceModel
from kerasface.tasks import from_config
from kerasface.training.validation import predict

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
        results[name] = protocol.score([_tested(name, model.tasks, outputs, test, split, run)])
    return results


def tested(run: Path, protocol_name: str, prepared: PreparedSet, split: str) -> Tested | None:
    """What a run answered; None where it was not asked.

    Args:
        run: its folder.
        protocol_name: that asked.
        prepared: the set that tests.
        split: name of the run's split.

    Raises:
        ValueError: it was asked of other pictures.
    """
    file = run / f"answers-{protocol_name}.npz"
    if not file.exists():
        return None
    label = find_protocol(protocol_name).target.label_task().name
    test = prepared.take(prepared.masks[label])
    with np.load(file, allow_pickle=False) as stored:
        outputs, names = {label: stored[label]}, stored["names"]
    if names.tolist() != test.names.tolist():
        raise ValueError(f"{file} answers other pictures than {protocol_name} asks")
    config = json.loads((run / "config.json").read_text())["config"]
    tasks = [from_config(each) for each in config["spec"]["tasks"]]
    return _tested(protocol_name, tasks, outputs, test, split, run)


def _tested(protocol_name, tasks, outputs, test, split, run) -> Tested:
    protocol = find_protocol(protocol_name)
    label = protocol.target.label_task().name
    task, answers = protocol.target.answers(tasks, outputs)
    people = np.array([who or name for who, name in zip(test.subjects, test.names, strict=True)])
    return Tested(split, task, answers, test.labels[label], people.astype(str), test.names, run)


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
