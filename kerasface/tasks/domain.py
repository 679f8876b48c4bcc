"""Which data set a face is from, learnt so that the trunk forgets it."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerasface.layers.domain_discriminator import DomainDiscriminator
from kerasface.tasks.classification import Classification


class Domain(Classification):
    """Classification of the data set by an adversary behind a gradient reversal.

    The head learns to tell the sets apart; through the reversal the trunk learns to hide it.
    `model.heads.head(name).reversal.strength` is the variable that a schedule changes.

    It is a task of training. Leave it out of a model that is published, and of a teacher's
    tasks: an adversary's answer teaches a student nothing.

    Args:
        name: the task's name.
        domains: names of the data sets, two or more, in the order of the outputs.
        strength: factor of the reversed gradient at the start, at least 0, default 1.
        hidden: widths of the adversary's hidden layers, default one of 128.
        alpha: weight of the task's loss; it scales the adversary's own gradient too.
        note: a sentence shown beside the answer.

    Raises:
        ValueError: fewer than two domains, one twice, or a negative strength.

    Example:
        >>> task = Domain("source", ("FER2013", "UTKFace"))
        >>> int(task.encode("UTKFace"))
        1

    Reference:
        Ganin et al., "Domain-adversarial training of neural networks" (2016), section 4.
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
    ):
        super().__init__(name, domains, alpha, note)
        if not 0.0 <= strength < float("inf") or any(width < 1 for width in hidden):
            raise ValueError(
                f"'{name}' needs a strength of 0 or more and hidden widths of 1 or more. "
                f"Received: strength={strength}, hidden={tuple(hidden)}"
            )
        self.strength = float(strength)
        self.hidden = tuple(int(width) for width in hidden)

    @property
    def domains(self) -> tuple[str, ...]:
        """Names of the data sets, in the order of the outputs."""
        return self.classes

    def make_head(self) -> keras.layers.Layer:
        return DomainDiscriminator(
            self.output_size,
            hidden=self.hidden,
            strength=self.strength,
            dtype="float32",
            name=f"{self.name}_head",
        )

    def get_config(self) -> dict:
        config = super().get_config()
        domains = config.pop("classes")
        return {
            **config,
            "domains": domains,
            "strength": self.strength,
            "hidden": list(self.hidden),
        }
