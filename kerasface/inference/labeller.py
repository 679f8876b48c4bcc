"""A teacher that labels batches of pictures: every transform in one compiled forward pass."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import keras
import numpy as np
from keras import ops

from kerasface.inference.analysis import GREY_WEIGHTS, wanted_tasks
from kerasface.inference.answer_aggregation import LABELLED_KINDS, aggregate
from kerasface.inference.portable_model import packed, unpacked
from kerasface.inference.transforms import (
    DEFAULT_TRANSFORMS,
    PictureTransform,
    picture_transforms,
    resampling,
)
from kerasface.tasks import Task

# Of an entry's manifest: the file whose sha256 names the weights.
WEIGHTS = "model.weights.h5"


class Labeller:
    """Labels a batch of pictures by the mean of a teacher's answers under several transforms.

    The whole work is this callable, so it is the same wherever batches come from: a loop here,
    or workers elsewhere that each hold one. Pictures go through the teacher some at a time, all
    their transforms together, always in the same number (the last are filled up), so the teacher
    is traced or compiled once. It can be pickled, with the teacher in it.

    Args:
        teacher: a Keras model on any backend with `.tasks`, images `(batch, height, width, 3)`
            0..255 to a dict of outputs by task name. It is called in inference mode and not
            changed.
        tasks: names of its tasks to label. None: all but groups of race, which are given only
            to who names them, and those that have no labels (embeddings, domains).
        transforms: names, see `kerasface.inference.picture_transforms`.
        batch_size: most pictures that go through the teacher at once, transforms counted.
        name: of the teacher in label files; default its manifest's, or the model's own.
        sha256: of its weights; default its manifest's, or `weights_digest(teacher)`.

    Call arguments:
        images: `(n, height, width, 3)` uint8, RGB 0..255, of the teacher's input size.

    Returns:
        A dict of NumPy columns of `n` rows, for each task what `aggregate` says:
        `<task>/label`, `<task>/soft`, `<task>/confidence` and, but for classes, `<task>/spread`.

    Attributes:
        tasks: `Task` objects, in the teacher's order.
        pictures: how many go through at once; a multiple of it wastes no work.

    Raises:
        ValueError: no Keras model, no such task, one without labels, a bad transform or batch
            size; when called, images of another dtype or size, or a teacher whose answers are
            not finite.

    Example:
        >>> from kerasface.models import FaceModel, build_trunk
        >>> from kerasface.tasks import Classification
        >>> trunk = build_trunk("small_resnet", widths=(8, 8, 8))
        >>> teacher = FaceModel(trunk, [Classification("smile", ("no", "yes"))])
        >>> labeller = Labeller(teacher, transforms=["plain", "flip"])
        >>> columns = labeller(np.zeros((3, 48, 48, 3), np.uint8))
        >>> {name: column.shape for name, column in columns.items()}
        {'smile/label': (3,), 'smile/soft': (3, 2), 'smile/confidence': (3,)}
    """

    def __init__(
        self,
        teacher: keras.Model,
        tasks: Sequence[str] | str | None = None,
        transforms: Iterable[str] = DEFAULT_TRANSFORMS,
        batch_size: int = 384,
        name: str | None = None,
        sha256: str | None = None,
    ):
        if not isinstance(teacher, keras.Model):
            raise ValueError(
                "a teacher is a Keras model, not one exported for a runtime. "
                f"Received: {type(teacher).__name__}"
            )
        self.teacher = teacher
        self.tasks = _labelled(wanted_tasks(teacher, tasks), tasks is not None)
        self.transforms = picture_transforms(transforms)
        if batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more. Received: batch_size={batch_size}")
        self.pictures = max(1, int(batch_size) // len(self.transforms))
        manifest = getattr(teacher, "manifest", None)
        self.name = name or (manifest.reference if manifest else teacher.name)
        self.sha256 = sha256 or (
            manifest.files[WEIGHTS].sha256 if manifest else weights_digest(teacher)
        )
        self._networks: dict[tuple[int, int], _TransformedTeacher] = {}

    @property
    def input_size(self) -> tuple[int | None, int | None]:
        """Height and width of the pictures it takes; None where any will do."""
        shape = getattr(self.teacher, "trunk", self.teacher).input_shape
        return shape[1], shape[2]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        images = np.asarray(images)
        self._check(images)
        network = self._network(*images.shape[1:3])
        parts = []
        for start in range(0, max(len(images), 1), self.pictures):
            part = images[start : start + self.pictures]
            missing = self.pictures - len(part)
            filled = np.pad(part, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else part
            answers = network.predict_on_batch(filled)
            parts.append({name: each[: len(part)] for name, each in answers.items()})
        columns = {
            f"{task.name}/{kind}": np.concatenate([part[name] for part in parts])
            for task in self.tasks
            for kind in ("label", "soft", "confidence", "spread")
            if (name := f"{task.name}/{kind}") in parts[0]
        }
        for task in self.tasks:
            broken = ~np.isfinite(columns[f"{task.name}/soft"]).all(axis=1)
            if broken.any():
                raise ValueError(
                    f"the teacher's answers for '{task.name}' are not finite: its training "
                    "diverged or its weights are damaged. "
                    f"Received: {broken.sum()} such of {len(images)} pictures"
                )
        return columns

    def __getstate__(self) -> dict:
        return {**self.__dict__, "teacher": packed(self.teacher), "_networks": {}}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.teacher = unpacked(state["teacher"])

    def _check(self, images: np.ndarray) -> None:
        size = tuple(images.shape[1:3])
        fits = images.ndim == 4 and all(
            wanted in (None, side) for wanted, side in zip(self.input_size, size, strict=False)
        )
        if images.dtype != np.uint8 or not fits or images.shape[3] != 3:
            height, width = (each or "any" for each in self.input_size)
            raise ValueError(
                f"the teacher takes uint8 pictures (rows, {height}, {width}, 3). "
                f"Received: {images.dtype} of shape {images.shape}"
            )

    def _network(self, height: int, width: int) -> _TransformedTeacher:
        if (height, width) not in self._networks:
            self._networks[height, width] = _TransformedTeacher(
                self.teacher, self.tasks, self.transforms, (height, width)
            )
        return self._networks[height, width]


def weights_digest(model: keras.Model) -> str:
    """sha256 over shapes, dtypes and values of a model's weights, for one that has no file."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        array = np.ascontiguousarray(weight)
        digest.update(f"{array.shape}{array.dtype.name}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _labelled(tasks: Sequence[Task], named: bool) -> tuple[Task, ...]:
    """The tasks that have labels; all of them where they were asked for by name."""
    kept = tuple(task for task in tasks if task.kind in LABELLED_KINDS)
    if not kept or (named and len(kept) < len(tasks)):
        raise ValueError(
            f"a teacher labels {', '.join(LABELLED_KINDS)}. "
            f"Received: {', '.join(f'{task.kind} {task.name!r}' for task in tasks) or 'no task'}"
        )
    return kept


class _TransformedTeacher(keras.Model):
    """Pictures to the columns of `aggregate`, in one graph around the teacher."""

    def __init__(self, teacher, tasks, transforms: Sequence[PictureTransform], size):
        super().__init__(dtype="float32", name="transformed_teacher")
        self.teacher = teacher
        self.labelled, self.transforms = tuple(tasks), tuple(transforms)
        self.grey = getattr(teacher, "trunk", teacher).input_shape[-1] == 1
        channels = 1 if self.grey else 3
        self.matrices = tuple(
            (
                _unless_whole(resampling(size[0], each.y)),
                # Width and colours are one axis, so that a product needs no transposing.
                _unless_whole(np.kron(resampling(size[1], each.x), np.eye(channels)).T),
            )
            for each in transforms
        )
        self.built = True  # the teacher is, and nothing else has weights

    def call(self, images, training=False):
        del training
        pixels = ops.cast(images, "float32")
        if self.grey:
            luma = ops.convert_to_tensor(np.array(GREY_WEIGHTS, "float32")[:, None])
            pixels = ops.round(ops.matmul(pixels, luma))
        seen = ops.concatenate([self._seen(pixels, place) for place in range(len(self.matrices))])
        outputs = self.teacher(seen, training=False)
        answers = {}
        for task in self.labelled:
            shape = (len(self.transforms), -1, task.output_size)
            answer = aggregate(task, ops.reshape(outputs[task.name], shape), self.transforms)
            answers |= {f"{task.name}/{kind}": column for kind, column in answer.items()}
        return answers

    def _seen(self, pixels, place: int):
        """The pictures under one transform, `(batch, height, width, channels)` float32."""
        rows, height, width, channels = pixels.shape
        down, across = self.matrices[place]
        if across is not None:
            flat = ops.reshape(pixels, (-1, width * channels))
            pixels = ops.matmul(flat, ops.convert_to_tensor(across))
        if down is not None:
            flat = ops.reshape(pixels, (-1, height, width * channels))
            pixels = ops.matmul(ops.convert_to_tensor(down), flat)
        return ops.reshape(pixels, (-1, height, width, channels))


def _unless_whole(matrix: np.ndarray) -> np.ndarray | None:
    """None where nothing is changed."""
    matrix = matrix.astype("float32")
    return None if np.array_equal(matrix, np.eye(len(matrix))) else matrix
