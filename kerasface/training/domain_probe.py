"""How well the domain can be read from the trunk's features, measured while training runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.linear_probe import FOLDS, PENALTY, ProbeResult, probe_domains
from kerasface.training.devices import Devices
from kerasface.training.tensorboard.projector import write_projector
from kerasface.training.validation import without_colour

# Rows of each domain that are looked at, unless told.
ROWS = 600
TENSOR = "features"
UNKNOWN = "unknown"


class DomainProbe(keras.callbacks.Callback):
    """Trains a fresh linear probe of the domain on frozen features, and logs what it reads.

    The logs get `probe/balanced_accuracy` (chance is one over the number of domains) and
    `probe/<domain>`, the share of a domain's rows that was recognised. An adversary is worth
    its name where the first falls and the tasks' own figures stay. List this callback before
    those that should see the entries (`RunState`, `TensorBoardReport`).

    Args:
        sets: held-out rows of two domains or more, by the domain's name.
        model: whose features are read, default the one that is trained; needs `features(images)`
            as a `FaceModel` has. Give the `FaceModel` where another model is trained around it.
        every: epochs between two rounds; the last epoch of a `fit` is always measured.
        rows: of each domain at most, drawn once.
        grey: take the colour away first, which alone may give a set away.
        folds: of the probe; see `kerasface.evaluation.probe_domains`.
        penalty: of the probe.
        projector: folder of the event files, where the features are written for TensorBoard's
            projector with the columns `domain`, `row` and each class task's label; or None. No
            picture is written.
        batch_size: rows a step.
        seed: which rows and folds; the same in every epoch.
        devices: of the training, where it is on several hosts: one of them measures, alone.

    Attributes:
        result: the last `ProbeResult`, or None.
        measured: number of epochs that were finished at the last round.
        seconds: how long the last round took.

    Raises:
        ValueError: fewer than two sets, a set with fewer rows than folds, or `every`, `rows`
            or `batch_size` below 1.

    Example:

        probe = DomainProbe({"utkface": ages, "ck48": faces}, every=5, grey=True,
                            projector=folder / "events")
        model.fit(batches, callbacks=[probe, RunState(folder, config), report], ...)
        probe.result.balanced_accuracy
    """

    def __init__(
        self,
        sets: Mapping[str, PreparedSet],
        model: keras.Model | None = None,
        every: int = 1,
        rows: int = ROWS,
        grey: bool = False,
        folds: int = FOLDS,
        penalty: float = PENALTY,
        projector: str | Path | None = None,
        batch_size: int = 256,
        seed: int = 0,
        devices: Devices | None = None,
    ):
        super().__init__()
        if len(sets) < 2 or min(every, rows, batch_size) < 1:
            raise ValueError(
                "two sets are needed, and every, rows and batch_size must be 1 or more. "
                f"Received: sets={list(sets)}, every={every}, rows={rows}, "
                f"batch_size={batch_size}"
            )
        short = {name: len(each) for name, each in sets.items() if min(len(each), rows) < folds}
        if short:
            raise ValueError(f"a set needs as many rows as folds. Received: {short}, {folds} folds")
        random = np.random.default_rng(seed)
        self.sets = {}
        for name, each in sets.items():
            chosen = np.sort(random.permutation(len(each))[:rows])
            self.sets[name] = each.take(chosen)
        self.given, self.devices = model, Devices() if devices is None else devices
        self.reader = None if model is None else _Features(model)
        self.every, self.grey, self.folds, self.penalty = int(every), grey, int(folds), penalty
        self.projector, self.batch_size, self.seed = projector, int(batch_size), int(seed)
        self.result: ProbeResult | None = None
        self.measured, self.seconds = 0, 0.0

    def on_epoch_end(self, epoch, logs=None):
        done = epoch + 1
        if done % self.every and done != self.params.get("epochs"):
            return
        self.measure()
        self.measured = done
        if logs is not None:
            logs.update(self.entries())

    def entries(self) -> dict[str, float]:
        """What the last round puts into the logs."""
        recalls = {f"probe/{name}": value for name, value in self.result.recalls.items()}
        return {"probe/balanced_accuracy": self.result.balanced_accuracy, **recalls}

    def measure(self) -> ProbeResult:
        """One round now, outside `fit` too where the callback was given its `model`."""
        begin = time.perf_counter()
        with self.devices.alone(self.model if self.given is None else self.given) as model:
            if self.reader is None or self.reader.model is not model:
                self.reader = _Features(model)
            features = {name: self.features(each.images) for name, each in self.sets.items()}
        subjects = {name: each.subjects for name, each in self.sets.items()}
        self.result = probe_domains(features, subjects, self.folds, self.penalty, self.seed)
        if self.projector is not None:
            vectors = np.concatenate(list(features.values()))
            write_projector(self.projector, TENSOR, vectors, self.columns())
        self.seconds = time.perf_counter() - begin
        return self.result

    def features(self, images: np.ndarray) -> np.ndarray:
        """`(rows, dim)` float32 features of images `(rows, height, width, 3)`."""
        images = without_colour(images) if self.grey else images
        # Every step has as many rows: a last batch of another size would be compiled again.
        rows, missing = len(images), -len(images) % self.batch_size
        images = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        found = self.reader.predict(images, batch_size=self.batch_size, verbose=0)
        return np.asarray(found[:rows], "float32")

    def columns(self) -> dict[str, list]:
        """For the projector: domain, row, and the label of each class task that a set has."""
        sizes = {name: len(each) for name, each in self.sets.items()}
        columns = {
            "domain": [name for name, rows in sizes.items() for _ in range(rows)],
            "row": [row for rows in sizes.values() for row in range(rows)],
        }
        for task in getattr(self.reader.model, "tasks", ()):
            if task.kind != "classification":
                continue
            labels = []
            for each in self.sets.values():
                if task.name not in each.labels:
                    labels += [UNKNOWN] * len(each)
                    continue
                pairs = zip(each.labels[task.name], each.masks[task.name], strict=True)
                labels += [task.classes[label] if known else UNKNOWN for label, known in pairs]
            columns[task.name] = labels
        return columns


class _Features(keras.Model):
    """Images to features, so that `predict` compiles the trunk alone."""

    def __init__(self, model: keras.Model):
        if not callable(getattr(model, "features", None)):
            raise ValueError(
                "a model with `features(images)`, such as a FaceModel, is needed: give the probe "
                f"the inner one as `model`. Received: {type(model).__name__}"
            )
        super().__init__(name="features")
        self.model = model
        self.built = True

    def call(self, images, training=False):
        return self.model.features(images, training=training)
