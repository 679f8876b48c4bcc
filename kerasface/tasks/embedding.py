"""A vector that is near for one person and far for two: identity."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from kerasface.tasks.task import Task

if TYPE_CHECKING:
    import keras

UNKNOWN = -1
# FaceNet's: squared distances of unit vectors, 0 to 4, with a margin of 0.2.
DISTANCE, MARGIN = "squared-L2", 0.2
# Identities given as text become numbers below this, which int32 and JAX hold exactly.
IDENTITIES = 2**31


class Embedding(Task):
    """A vector of length 1 a face, trained so that faces of one person lie together.

    The loss is the semi-hard triplet loss among the rows of a batch whose identity is known, so
    a batch needs several rows of several people (see the identity batches of `kerasface.data`).
    It belongs to the batch as a whole: in `evaluate` its mean depends on which rows share a
    batch, and on several replicas each row meets only the rows of its own replica (the value is
    the mean of the replicas' losses by their numbers of known rows).

    Args:
        name: the task's name.
        size: length of the vector, at least 2, default 128.
        margin: of the triplet loss in squared distance, at least 0, default 0.2.
        alpha: weight of the task's loss.
        note: a sentence shown beside the answer.
        project: whether the head has a linear layer of its own, default True. False: the
            features that it reads are the vector, and `size` is their number.

    Raises:
        ValueError: `size` or `margin` is too small.

    Example:
        >>> task = Embedding("identity", 64)
        >>> int(task.encode(70_000_000)), int(task.filler)
        (70000000, -1)

    Reference:
        Schroff et al., "FaceNet" (2015), section 3.2 and eq. 4.
    """

    kind = "embedding"

    def __init__(
        self,
        name: str,
        size: int = 128,
        margin: float = MARGIN,
        alpha: float = 1.0,
        note: str = "",
        project: bool = True,
    ):
        super().__init__(name, alpha, note)
        if size < 2 or not margin >= 0:
            raise ValueError(
                f"'{name}' needs size 2 or more and margin 0 or more. "
                f"Received: size={size}, margin={margin}"
            )
        self.size, self.margin, self.project = int(size), float(margin), bool(project)

    @property
    def output_size(self) -> int:
        return self.size

    @property
    def label_dtype(self) -> str:
        return "int32"

    @property
    def filler(self):
        return np.int32(UNKNOWN)

    def make_head(self) -> keras.layers.Layer:
        import keras

        from kerasface.layers.unit_length import UnitLength

        unit = UnitLength(dtype="float32", name=f"{self.name}_head")
        if not self.project:
            return unit
        dense = keras.layers.Dense(self.size, use_bias=False, dtype="float32")
        return keras.Sequential([dense, UnitLength(dtype="float32")], name=unit.name)

    def make_loss(self) -> keras.losses.Loss:
        from kerasface.losses.known_identity_triplet import KnownIdentityTripletLoss

        return KnownIdentityTripletLoss(
            self.margin, distance_metric=DISTANCE, name=f"{self.name}_triplets"
        )

    def make_metrics(self) -> list[keras.metrics.Metric]:
        from kerasface.metrics.masked import LabelledCount, MaskedLoss

        return [MaskedLoss(self.make_loss(), name="mean_loss"), LabelledCount(name="labelled")]

    def make_distillation_loss(self, temperature: float) -> keras.losses.Loss:
        """One minus the cosine: the student's vector is to point where the teacher's does.

        Vielzeuf et al. (2019), eq. 4, print the cosine itself as what is minimised, which would
        turn the student's vector away from the teacher's.
        """
        from kerasface.losses.cosine_distance import CosineDistance

        del temperature
        return CosineDistance(name=f"{self.name}_cosine_distance")

    def encode(self, raw) -> np.int32:
        """The person's number: an index as it is, a name as 31 bits of its SHA-1.

        Names need no list of people and mean the same in every set. Among 10,000 people the
        chance that any two share a number is 2 %.
        """
        if isinstance(raw, str) and raw:
            digest = hashlib.sha1(raw.encode(), usedforsecurity=False).digest()
            return np.int32(int.from_bytes(digest[:4], "big") % IDENTITIES)
        if isinstance(raw, (int, np.integer)) and not isinstance(raw, bool):
            if 0 <= raw < IDENTITIES:
                return np.int32(raw)
        raise ValueError(
            f"'{self.name}' must be a person's name or an index from 0 to {IDENTITIES - 1}. "
            f"Received: {raw!r}"
        )

    def legal(self, labels: np.ndarray) -> np.ndarray:
        labels = np.asarray(labels)
        return (labels >= 0) & (labels < IDENTITIES)

    def decode(self, outputs: np.ndarray) -> list[dict]:
        vectors = np.asarray(outputs, "float64")
        return [{"embedding": [round(value, 6) for value in row]} for row in vectors.tolist()]

    def get_config(self) -> dict:
        config = {**super().get_config(), "size": self.size, "margin": self.margin}
        # Left out where it is as ever: descriptions of published models stay as they are.
        return config if self.project else {**config, "project": False}
