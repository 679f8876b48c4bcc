"""One of several classes: expression, gender, race, age group, identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerasface.tasks.task import Task

if TYPE_CHECKING:
    import keras


class Classification(Task):
    """One class of a stated list; the head gives logits in the list's order.

    Args:
        name: the task's name.
        classes: names of the classes, at least two, in the order of the outputs.
        alpha: weight of the task's loss.
        note: a sentence shown beside the answer.

    Raises:
        ValueError: fewer than two classes, or a name twice.

    Example:
        >>> task = Classification("gender", ("male", "female"))
        >>> int(task.encode("female"))
        1
    """

    kind = "classification"

    def __init__(self, name: str, classes: Sequence[str], alpha: float = 1.0, note: str = ""):
        super().__init__(name, alpha, note)
        self.classes = tuple(str(each) for each in classes)
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError(
                f"'{name}' needs two or more different classes. Received: classes={self.classes}"
            )
        self._index = {each: index for index, each in enumerate(self.classes)}

    @property
    def output_size(self) -> int:
        return len(self.classes)

    @property
    def label_dtype(self) -> str:
        return "int32"

    def make_loss(self) -> keras.losses.Loss:
        import keras

        return keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, name=f"{self.name}_crossentropy"
        )

    def make_metrics(self) -> list[keras.metrics.Metric]:
        from kerasface.metrics.masked import LabelledCount, MaskedAccuracy, MaskedLoss

        return [
            MaskedAccuracy(name="accuracy"),
            MaskedLoss(self.make_loss(), name="mean_loss"),
            LabelledCount(name="labelled"),
        ]

    def make_distillation_loss(self, temperature: float) -> keras.losses.Loss:
        from kerasface.losses.soft_targets import SoftTargetCrossentropy

        return SoftTargetCrossentropy(temperature, name=f"{self.name}_soft_targets")

    def encode(self, raw) -> np.int32:
        """The class's index, from its name (or from the index itself)."""
        if isinstance(raw, (int, np.integer)) and not isinstance(raw, bool):
            if 0 <= raw < len(self.classes):
                return np.int32(raw)
        elif isinstance(raw, str) and raw in self._index:
            return np.int32(self._index[raw])
        raise ValueError(f"'{self.name}' must be one of {list(self.classes)}. Received: {raw!r}")

    def legal(self, labels: np.ndarray) -> np.ndarray:
        return (labels >= 0) & (labels < len(self.classes))

    def decode(self, outputs: np.ndarray) -> list[dict]:
        logits = np.asarray(outputs, "float64")
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        probabilities = odds / odds.sum(-1, keepdims=True)
        return [
            {
                "label": self.classes[int(row.argmax())],
                "confidence": round(float(row.max()), 4),
                "probabilities": {
                    each: round(float(value), 4)
                    for each, value in zip(self.classes, row, strict=True)
                },
            }
            for row in probabilities
        ]

    def get_config(self) -> dict:
        return {**super().get_config(), "classes": list(self.classes)}
