"""A published network taught a task of your own from your own faces, ready to be published."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.apps.labelled_faces import LabelledFaces, read_labelled
from kerasface.data.batches import task_columns
from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.groups import card_rows
from kerasface.evaluation.intervals import mean_with_interval, measure_with_intervals
from kerasface.evaluation.unfound_faces import count_unfound
from kerasface.evaluation.verification import nearest_neighbour_hits
from kerasface.inference.cropping import contract_of
from kerasface.tasks import Task

if TYPE_CHECKING:
    from kerasface.models import FaceModel

KINDS = ("classification", "regression", "landmarks", "embedding")
# Fewer labelled faces than this teach nothing, or measure nothing.
LEAST_TRAIN, LEAST_HELD = 20, 5
PROTOCOL = (
    "one crop at the entry's template, no test-time augmentation; a face that was not found counts "
    "as wrong, or as the middle of the range"
)
NEIGHBOUR = (
    "share of held-out faces whose nearest other one shows the same person; one crop each, a face "
    "that was not found counts as wrong"
)
CONFIDENCES = ("ECE", "coverage")


@dataclass(frozen=True)
class Transferred:
    """A model that was taught new tasks, and how well it does them.

    Args:
        model: the new model.
        scores: by task and measure `{"value", "low", "high", "rows"}` on the held-out faces,
            those included that could not be read or found; see `measure_with_intervals`. Of an
            `Embedding` the `accuracy` of the nearest neighbour.
        parent: manifest of the entry it comes from, None of a model that is no entry.
        dataset: name of the faces.
        images: how many trained.
        seconds: that training and measuring took.
        lines: what was read and left out.
    """

    model: FaceModel
    scores: dict[str, dict[str, dict]]
    parent: Any
    dataset: str
    images: int
    seconds: float
    lines: tuple[str, ...] = field(default=())

    def publish(
        self,
        name: str,
        version: str,
        *,
        terms: str,
        description: str | None = None,
        weights_licence: str | None = None,
        **facts,
    ) -> Path:
        """Makes a zoo entry of it; input contract and earlier training data are the parent's.

        Args:
            name: of the entry.
            version: MAJOR.MINOR.PATCH.
            terms: under which your faces may be used.
            description: one line; default what it was taught.
            weights_licence: default the parent's, which still holds for what it learnt before.
            **facts: more of `kerasface.zoo.publish`, such as `root`, `commit` or `limits`.

        Returns:
            The entry's folder.

        Raises:
            ValueError: the model did not come from an entry, so its data and crop are not known.
            PublishError: as `kerasface.zoo.publish`.
        """
        from kerasface.zoo import publish
        from kerasface.zoo.schema import to_json

        if self.parent is None:
            raise ValueError(
                "only what came from an entry is published by this call: data and crop of another "
                "model are not known; see kerasface.zoo.publish. Received: parent=None"
            )
        parent = to_json(self.parent)
        rows = self._card_rows()
        contract = parent["input"]
        names = [task.name for task in self.model.tasks]
        own = {"name": self.dataset, "labels": names, "images": self.images, "terms": terms}
        facts.setdefault("recipe", "kerasface/apps/transferring.py")
        return publish(
            self.model,
            name,
            version,
            description=description or f"{self.parent.reference} taught {', '.join(names)}",
            licences={
                "code": parent["licences"]["code"],
                "weights": weights_licence or parent["licences"]["weights"],
            },
            data=[*parent["training_data"], own],
            metrics=[row for row in rows if row["metric"] not in CONFIDENCES],
            reliability=[row for row in rows if row["metric"] in CONFIDENCES],
            crop=contract["crop"],
            template=contract["template"],
            resize=contract["resize"],
            **facts,
        )

    def _card_rows(self) -> list[dict]:
        rows = []
        for task in self.model.tasks:
            protocol = NEIGHBOUR if task.kind == "embedding" else PROTOCOL
            found = self.scores[task.name]
            rows += card_rows(task, found, self.dataset, "validation", protocol)
        return rows


def transfer(
    entry: str | os.PathLike | FaceModel,
    task: Task | Sequence[Task],
    data: str | os.PathLike | PreparedSet,
    validation: PreparedSet | None = None,
    *,
    image: str = "image",
    columns: Mapping[str, str | Sequence[str]] | None = None,
    subject: str | None = None,
    split: str | None = None,
    detector: Any = "none",
    **training,
) -> Transferred:
    """Teaches a published network a new task from your own labelled faces.

    A small MLP learns on the frozen embedding; unless `frozen`, all weights are trained on then.
    For 1,000 faces this takes under three minutes on two cores.

    Args:
        entry: name in the zoo, folder or address, or a loaded entry.
        task: `Classification`, `Regression`, `Landmarks`, or several of them (attributes); or one
            `Embedding`, which learns who looks alike from several pictures of each person.
        data: a CSV file, a folder with a folder of pictures for each class, or a prepared set.
        validation: held-out faces where `data` is a prepared set; else those whose split says so,
            without one every tenth by the hash of the person or the file.
        image: the CSV's column of paths, relative to the file.
        columns: the CSV's column by task name; default the name itself. Of points the columns
            `x1, y1, x2, ...`, in pixels from the picture's upper left corner.
        subject: the CSV's column of who it is, so that nobody stands on both sides.
        split: the CSV's column of "train" and "validation".
        detector: "none" where pictures are crops of faces, else as `find_faces`: the largest face
            counts, and a held-out picture without one as wrong.
        **training: of `kerasface.training.transfer_to`: `frozen`, `hidden`, `head_epochs`,
            `epochs`, `rate`, `images`, `augmentation`, `seed`, `callbacks`, `devices`.

    Returns:
        A `Transferred`: the model, its scores, and `publish`.

    Raises:
        ValueError: a label outside its range (file and line are named), a column that is missing,
            too few labelled faces, a class without one, or an entry whose embeddings are not
            finite. Nothing is written.
        FileNotFoundError: no such file.

    Example:

        glasses = Classification("glasses", ("yes", "no"))
        taught = kerasface.apps.transfer("student", glasses, "faces.csv")
        print(taught.scores["glasses"]["accuracy"])
        taught.publish("glasses", "0.1.0", terms="my own pictures", root="zoo")

    Reference:
        Vielzeuf et al., "Towards a general model of knowledge for facial analysis by multi-source
        transfer learning" (2019), section 3.3, and 4.1 for faces that are not found.
    """
    from kerasface import zoo
    from kerasface.training.transfer_learning import transfer_to

    tasks = (task,) if isinstance(task, Task) else tuple(task)
    kinds = [each.kind for each in tasks]
    if not tasks or set(kinds) - set(KINDS) or ("embedding" in kinds and len(tasks) > 1):
        raise ValueError(
            f"tasks must be of {', '.join(KINDS)}, an embedding alone. "
            f"Received: {[f'{each.kind} {each.name}' for each in tasks]}"
        )
    model = zoo.load(entry) if isinstance(entry, (str, os.PathLike)) else entry
    if isinstance(data, PreparedSet):
        if validation is None:
            raise ValueError("held-out faces are needed to measure by. Received: validation=None")
        faces = LabelledFaces(data, validation, {})
    else:
        crops = contract_of(model, model.trunk.input_shape[1])
        source = {"image": image, "columns": columns, "subject": subject, "split": split}
        faces = read_labelled(Path(data), tasks, crops, detector=detector, **source)
    for each in tasks:
        _check(each, faces)
    begin = time.monotonic()
    new = transfer_to(model, tasks, faces.train, **training)
    outputs = new.predict(faces.held.images, verbose=0)
    scores = {each.name: score(each, outputs[each.name], faces) for each in tasks}
    seconds = time.monotonic() - begin
    lines = tuple(dict.fromkeys((*faces.train.report, *faces.held.report)))
    parent = getattr(model, "manifest", None)
    rows = len(faces.train)
    return Transferred(new, scores, parent, faces.train.domain, rows, seconds, lines)


def score(task: Task, outputs: np.ndarray, faces: LabelledFaces) -> dict[str, dict]:
    """Measures over held-out faces and over those whose picture could not be used.

    Args:
        task: whose outputs they are.
        outputs: `(held-out faces, output_size)`.
        faces: with the labels, and what was lost.

    Returns:
        By measure `{"value", "low", "high", "rows"}`.
    """
    held = faces.held
    labels, mask = task_columns(held, task)
    lost, lost_people = faces.lost.get(task.name, (labels[:0], held.subjects[:0]))
    people = np.concatenate([held.subjects[mask], lost_people])
    if task.kind == "embedding":
        hits = nearest_neighbour_hits(outputs[mask], held.subjects[mask])
        values = np.concatenate([hits, np.zeros(len(lost_people))])
        return {"accuracy": mean_with_interval(values, people)}
    whole = np.concatenate([labels[mask], lost.reshape(-1, *labels.shape[1:])])
    filled = np.concatenate([outputs[mask], np.zeros((len(lost), task.output_size))])
    found = np.arange(len(whole)) < mask.sum()
    counted = count_unfound(task, filled, whole, found)
    return measure_with_intervals(task, counted, whole, subjects=people)


def _check(task: Task, faces: LabelledFaces) -> None:
    """Sees that there is enough to learn from and to measure by.

    Raises:
        ValueError: there is not, or a class has no face to learn from.
    """
    labels, mask = task_columns(faces.train, task)
    _, held = task_columns(faces.held, task)
    if mask.sum() < LEAST_TRAIN or held.sum() < LEAST_HELD:
        raise ValueError(
            f"{faces.train.domain}: {task.name!r} needs {LEAST_TRAIN} labelled faces to learn from "
            f"and {LEAST_HELD} to measure by, or more. Received: {mask.sum()} and {held.sum()}"
        )
    if task.kind == "classification":
        counts = np.bincount(labels[mask], minlength=task.output_size)
        for name in np.array(task.classes)[counts == 0]:
            raise ValueError(
                f"{faces.train.domain}: no face to learn from has the class {str(name)!r} of "
                f"{task.name!r}. Received: {counts.tolist()} faces a class"
            )
