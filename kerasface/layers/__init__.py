"""Keras layers; each on `keras.ops` only."""

from kerasface.layers.cosine_logits import CosineLogits
from kerasface.layers.domain_discriminator import DomainDiscriminator
from kerasface.layers.gradient_reversal import GradientReversal
from kerasface.layers.multi_task_heads import MultiTaskHeads
from kerasface.layers.task_fork import TaskFork
from kerasface.layers.unit_length import UnitLength

__all__ = [
    "CosineLogits",
    "DomainDiscriminator",
    "GradientReversal",
    "MultiTaskHeads",
    "TaskFork",
    "UnitLength",
]
