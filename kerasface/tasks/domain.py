"""Which data set a face is from, learnt so that the trunk forgets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerasface.tasks.classification import Classification

if TYPE_CHECKING:
    import keras

ADVERSARIES = ("softmax", "triplet")
# Those of `kerasface.ops.triplet_sums`, which cannot be imported without Keras.
MINING = ("semi-hard", "all")
# The paper's, on the squared distance of unit vectors, 0 to 4.
MARGIN = 0.2
UNKNOWN = -1


class Domain(Classification):
    """The data set, learnt by an adversary behind a gradient reversal.

    The head learns to tell the sets apart; through the reversal the trunk learns to hide it:
    the trunk follows `sum_t alpha_t L_t - strength * alpha L_DA`, the head `alpha L_DA`.
    `model.heads.head(name).reversal.strength` is the variable that
    `kerasface.training.StrengthSchedule` changes.

    - `adversary="softmax"`: a classifier of the sets (DANN). `L_DA` is the cross-entropy.
    - `adversary="triplet"`: an embedding of unit length in which the rows of one set lie
      together. `L_DA` is `max(0, d^2(a, p) - d^2(a, n) + margin)`, the mean over triplets inside
      the batch; see `kerasface.losses.DomainTripletLoss` for how that differs from the paper's
      printed equation. `<name>_active_share` in the logs is the share of triplets with a
      gradient. The batch must hold rows of two sets or more. As for an `Embedding`, on several
      replicas each row meets only the rows of its own replica.

    It is a task of training. Leave it out of a model that is published, and of a teacher's
    tasks: an adversary's answer teaches a student nothing.

    Args:
        name: the task's name.
        domains: names of the data sets, two or more, in the order of the softmax's outputs.
        strength: factor of the reversed gradient at the start, at least 0, default 1.
        hidden: widths of the adversary's hidden layers, default one of 128.
        alpha: weight of the task's loss; it scales the adversary's own gradient too.
        note: a sentence shown beside the answer.
        adversary: "softmax" or "triplet", default "softmax".
        margin: of the triplets in squared distance, at least 0, default 0.2.
        mining: which triplets of the batch, "semi-hard" or "all", default "semi-hard".
        size: length of the triplet adversary's embedding, at least 2, default 64.
        normalize: whether the adversary sees each feature with mean 0 and standard deviation 1,
            default False; see `kerasface.layers.DomainDiscriminator`.

    Raises:
        ValueError: fewer than two domains, one twice, a negative strength, an unknown adversary
            or mining, a negative margin, or a size below 2.

    Example:
        >>> task = Domain("source", ("FER2013", "UTKFace"))
        >>> int(task.encode("UTKFace")), task.output_size
        (1, 2)
        >>> Domain("source", ("FER2013", "UTKFace"), adversary="triplet", size=16).output_size
        16

    Reference:
        "Distill-2MD-MTL" (2019), section 3.1, eq. 1, 2 and figure 3, whose layers are not in the
        text; Ganin et al., "Domain-adversarial training of neural networks" (2016), section 4.
    """

    kind = "domain"

    def __init__(
        self,
        name: str,
        domains: Sequence[str],
        strength: float = 1.0,
        hidden: Sequence[int] = (128,),
        alpha: float = 1.0,
        note: str = "",
        adversary: str = "softmax",
        margin: float = MARGIN,
        mining: str = "semi-hard",
        size: int = 64,
        normalize: bool = False,
    ):
        super().__init__(name, domains, alpha, note)
        if not 0.0 <= strength < float("inf") or any(width < 1 for width in hidden):
            raise ValueError(
                f"'{name}' needs a strength of 0 or more and hidden widths of 1 or more. "
                f"Received: strength={strength}, hidden={tuple(hidden)}"
            )
        if adversary not in ADVERSARIES or size < 2:
            raise ValueError(
                f"'{name}' needs an adversary of {ADVERSARIES} and a size of 2 or more. "
                f"Received: adversary={adversary!r}, size={size}"
            )
        self.strength = float(strength)
        self.hidden = tuple(int(width) for width in hidden)
        self.adversary, self.size, self.normalize = adversary, int(size), bool(normalize)
        # A margin or mining that cannot be fails here and not in the first step.
        if not margin >= 0 or mining not in MINING:
            raise ValueError(
                f"'{name}' needs a margin of 0 or more and mining of {MINING}. "
                f"Received: margin={margin}, mining={mining!r}"
            )
        self.margin, self.mining = float(margin), mining

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the data sets, in the order of their numbers."""
        return self.classes

    @property
    def embeds(self) -> bool:
        """Whether the outputs are an embedding and not logits of the domains."""
        return self.adversary == "triplet"

    @property
    def output_size(self) -> int:
        return self.size if self.embeds else super().output_size

    @property
    def filler(self):
        # The triplet loss belongs to the batch: a row without a domain must not stand for one.
        return np.int32(UNKNOWN) if self.embeds else super().filler

    def make_head(self) -> keras.layers.Layer:
        from kerasface.layers.domain_discriminator import DomainDiscriminator

        return DomainDiscriminator(
            self.output_size,
            hidden=self.hidden,
            strength=self.strength,
            output="embedding" if self.embeds else "logits",
            normalize=self.normalize,
            dtype="float32",
            name=f"{self.name}_head",
        )

    def make_loss(self) -> keras.losses.Loss:
        if not self.embeds:
            return super().make_loss()
        from kerasface.losses.domain_triplet import DomainTripletLoss

        return DomainTripletLoss(self.margin, self.mining, name=f"{self.name}_triplets")

    def make_metrics(self) -> list[keras.metrics.Metric]:
        if not self.embeds:
            return super().make_metrics()
        from kerasface.metrics.masked import LabelledCount, MaskedLoss
        from kerasface.metrics.triplet_active_share import TripletActiveShare

        return [
            TripletActiveShare(self.margin, self.mining, name="active_share"),
            MaskedLoss(self.make_loss(), name="mean_loss"),
            LabelledCount(name="labelled"),
        ]

    def make_distillation_loss(self, temperature: float) -> keras.losses.Loss:
        if not self.embeds:
            return super().make_distillation_loss(temperature)
        from kerasface.losses.cosine_distance import CosineDistance

        return CosineDistance(name=f"{self.name}_cosine_distance")

    def decode(self, outputs: np.ndarray) -> list[dict]:
        if not self.embeds:
            return super().decode(outputs)
        vectors = np.asarray(outputs, "float64")
        return [{"embedding": [round(value, 6) for value in row]} for row in vectors.tolist()]

    def get_config(self) -> dict:
        config = super().get_config()
        domains = config.pop("classes")
        return {
            **config,
            "domains": domains,
            "strength": self.strength,
            "hidden": list(self.hidden),
            "adversary": self.adversary,
            "margin": self.margin,
            "mining": self.mining,
            "size": self.size,
            "normalize": self.normalize,
        }
