"""Points of a face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kerasface.tasks.task import Task

if TYPE_CHECKING:
    import keras

# Pairs that change places when a picture is mirrored, 0-based.
MIRROR_5 = (1, 0, 2, 4, 3)
MIRROR_68 = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
# A tenth of the crop: an error of that size costs 1.
SCALE = 0.1


class Landmarks(Task):
    """Points `(points, 2)` in the crop, x to the right and y down, 0..1 of its size.

    Args:
        name: the task's name.
        points: how many.
        mirror: `(points,)` indices, which point each becomes in a mirrored picture.
            Known for 5 (eyes, nose, mouth corners) and 68 (the ibug order); needed for others.
        alpha: weight of the task's loss.
        note: a sentence shown beside the answer.

    Raises:
        ValueError: the mirrored order is missing or is no permutation that undoes itself.

    Example:
        >>> Landmarks("landmarks5", 5).label_shape
        (5, 2)
    """

    kind = "landmarks"

    def __init__(self, name: str, points: int, mirror=None, alpha: float = 1.0, note: str = ""):
        super().__init__(name, alpha, note)
        self.points = int(points)
        known = {5: MIRROR_5, 68: MIRROR_68}
        order = known.get(self.points, ()) if mirror is None else mirror
        self.mirror = tuple(int(index) for index in order)
        if (
            len(self.mirror) != self.points
            or sorted(self.mirror) != list(range(self.points))
            or any(self.mirror[index] != place for place, index in enumerate(self.mirror))
        ):
            raise ValueError(
                f"'{name}' needs the mirrored place of each of its {points} points. "
                f"Received: mirror={mirror}"
            )

    @property
    def output_size(self) -> int:
        return 2 * self.points

    @property
    def label_shape(self) -> tuple[int, ...]:
        return (self.points, 2)

    @property
    def filler(self):
        return np.full(self.label_shape, 0.5, "float32")

    def make_head(self) -> keras.layers.Layer:
        import keras
        from keras import layers

        return keras.Sequential(
            [
                layers.Dense(self.output_size, dtype="float32"),
                layers.Rescaling(1.0, offset=0.5, dtype="float32"),
            ],
            name=f"{self.name}_head",
        )

    def mean_answer(self, labels: np.ndarray) -> np.ndarray:
        return np.asarray(labels, "float64").mean(axis=0).reshape(-1).astype("float32")

    def make_loss(self) -> keras.losses.Loss:
        from kerasface.losses.scaled_error import ScaledAbsoluteError

        return ScaledAbsoluteError(SCALE, name=f"{self.name}_error")

    def make_metrics(self) -> list[keras.metrics.Metric]:
        from kerasface.losses.scaled_error import ScaledAbsoluteError
        from kerasface.metrics.masked import LabelledCount, MaskedLoss

        return [
            MaskedLoss(ScaledAbsoluteError(1.0), name="mean_absolute_error"),
            MaskedLoss(self.make_loss(), name="mean_loss"),
            LabelledCount(name="labelled"),
        ]

    def make_distillation_loss(self, temperature: float) -> keras.losses.Loss:
        from kerasface.losses.scaled_error import ScaledAbsoluteError

        del temperature
        return ScaledAbsoluteError(SCALE, name=f"{self.name}_teacher_error")

    def encode(self, raw) -> np.ndarray:
        label = np.asarray(raw, "float32")
        if label.shape != self.label_shape or not np.isfinite(label).all():
            raise ValueError(
                f"'{self.name}' must be {self.points} finite points (x, y). "
                f"Received: shape {label.shape}"
            )
        return label

    def decode(self, outputs: np.ndarray) -> list[dict]:
        points = np.asarray(outputs, "float64").reshape(-1, self.points, 2)
        return [{"points": [[round(x, 4), round(y, 4)] for x, y in row.tolist()]} for row in points]

    def get_config(self) -> dict:
        return {**super().get_config(), "points": self.points, "mirror": list(self.mirror)}
