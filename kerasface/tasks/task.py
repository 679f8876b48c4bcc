"""What a task is: the one place that knows a thing the network predicts.

A task also decodes answers where there is no Keras (see `kerasface.inference.RuntimeModel`), so
what trains it, its head, losses and metrics, is imported by the methods that make them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

# What can name an attribute, a weight in a file and a metric in a log on any system.
TASK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Task(ABC):
    """A thing to predict: its head, loss, metrics, label encoding, and how it is shown.

    Args:
        name: the task's name, a letter followed by letters, digits or `_`; the key of its
            labels, outputs, weights and head (`<name>_head`).
        alpha: weight of the task's loss, more than 0. The labelled rows of a batch carry
            `alpha * batch / n_labelled` as sample weight.
        note: a sentence shown to people beside the answer, e.g. where the labels are from.

    Raises:
        ValueError: the name is no such word or alpha is not positive.
    """

    kind: str = ""

    def __init__(self, name: str, alpha: float = 1.0, note: str = ""):
        if not isinstance(name, str) or not TASK_NAME.fullmatch(name):
            raise ValueError(
                "a task's name must be a letter followed by letters, digits or `_`. "
                f"Received: name={name!r}"
            )
        if not alpha > 0:
            raise ValueError(f"alpha must be more than 0. Received: alpha={alpha}")
        self.name = name
        self.alpha = float(alpha)
        self.note = note

    @property
    @abstractmethod
    def output_size(self) -> int:
        """Length of the head's output for one image."""

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of one image's label; `()` for a single number."""
        return ()

    @property
    def label_dtype(self) -> str:
        """NumPy name of the label's dtype."""
        return "float32"

    @property
    def filler(self):
        """A legal label that stands where none is known (its weight is 0)."""
        return np.zeros(self.label_shape, self.label_dtype)

    def make_head(self) -> keras.layers.Layer:
        """A new head: features `(batch, dim)` to float32 `(batch, output_size)`."""
        import keras

        return keras.layers.Dense(self.output_size, dtype="float32", name=f"{self.name}_head")

    def mean_answer(self, labels: np.ndarray) -> np.ndarray | None:
        """Output `(output_size,)` that answers the mean of labels `(rows, *label_shape)`.

        None where the head does not answer in the labels' own numbers, as of classes.
        """
        del labels
        return None

    @abstractmethod
    def make_loss(self) -> keras.losses.Loss:
        """The loss of the head's output, one value a row before reduction."""

    @abstractmethod
    def make_metrics(self) -> list[keras.metrics.Metric]:
        """New metrics of the head's output; each counts labelled rows only."""

    @abstractmethod
    def make_distillation_loss(self, temperature: float) -> keras.losses.Loss:
        """Loss of a student's output against a teacher's, `(teacher, student)`."""

    @abstractmethod
    def encode(self, raw: Any) -> Any:
        """The label as an array value, from what a reader gives.

        Raises:
            ValueError: the value is not one this task can have.
        """

    def legal(self, labels: np.ndarray) -> np.ndarray:
        """`(rows,)` bool, which of encoded labels `(rows, *label_shape)` the loss can take."""
        finite = np.isfinite(np.asarray(labels, "float64"))
        return finite.reshape(len(labels), -1).all(axis=1)

    @abstractmethod
    def decode(self, outputs: np.ndarray) -> list[dict]:
        """Outputs `(rows, output_size)` as one JSON-safe answer a row."""

    def get_config(self) -> dict:
        """JSON-safe arguments from which `kerasface.tasks.from_config` builds the task."""
        return {"kind": self.kind, "name": self.name, "alpha": self.alpha, "note": self.note}

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"
