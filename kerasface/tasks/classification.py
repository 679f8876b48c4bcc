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
        cosine_scale: if given, the logits are cosines times this (`CosineLogits`): classes are
            directions, for embeddings of people. Default None, a linear layer.
        cosine_margin: of the cosine, by which a row must be nearer to its own class in training
            (`MarginSoftmax`); at least 0 and only with `cosine_scale`, default 0.

    Raises:
        ValueError: fewer than two classes, a name twice, a scale that is not positive, or a
            margin below 0 or without a scale.

    Example:
        >>> task = Classification("gender", ("male", "female"))
        >>> int(task.encode("female"))
        1
    """

    kind = "classification"

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        alpha: float = 1.0,
        note: str = "",
        cosine_scale: float | None = None,
        cosine_margin: float = 0.0,
    ):
        super().__init__(name, alpha, note)
        self.classes = tuple(str(each) for each in classes)
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError(
                f"'{name}' needs two or more different classes. Received: classes={self.classes}"
            )
        scale, margin = cosine_scale, cosine_margin
        if (scale is not None and not scale > 0) or not margin >= 0 or (margin and scale is None):
            raise ValueError(
                f"'{name}' needs a positive cosine_scale or None, and a cosine_margin of 0 or more "
                f"with a scale. Received: cosine_scale={scale}, cosine_margin={margin}"
            )
        self.cosine_scale = None if scale is None else float(scale)
        self.cosine_margin = float(margin)
        self._index = {each: index for index, each in enumerate(self.classes)}

    @property
    def output_size(self) -> int:
        return len(self.classes)

    @property
    def label_dtype(self) -> str:
        return "int32"

    def make_head(self) -> keras.layers.Layer:
        if self.cosine_scale is None:
            return super().make_head()
        from kerasface.layers.cosine_logits import CosineLogits

        # In float32: bfloat16 would round directions before their lengths are taken.
        return CosineLogits(
            self.output_size, self.cosine_scale, dtype="float32", name=f"{self.name}_head"
        )

    def make_loss(self) -> keras.losses.Loss:
        if self.cosine_margin:
            from kerasface.losses.margin_softmax import MarginSoftmax

            return MarginSoftmax(
                self.cosine_margin, self.cosine_scale, name=f"{self.name}_margin_softmax"
            )
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
        config = {**super().get_config(), "classes": list(self.classes)}
        # Left out where there is none: descriptions of published models stay as they are.
        if self.cosine_scale is not None:
            config |= {"cosine_scale": self.cosine_scale, "cosine_margin": self.cosine_margin}
        return config
