"""Optimisers of the runs: the learning rates that are compared."""

from __future__ import annotations

import keras

from kerasface.training.dynamic_rate import DynamicLearningRate, DynamicRate
from kerasface.training.muon import Muon
from recipes.distill_2md_mtl.plateau import Plateau

# The paper's: momentum 0.9, a rate from {0.1, 0.01} (its "10e-2"), dropped exponentially; how far
# is not said. Here by one factor of ten over the run.
MOMENTUM, TENTHS = 0.9, 1.0
# How a step follows from the momentum, and the highest rate of each, by `choose.py`. The paper
# begins from a network that knows expressions and trains 200 epochs; in the 350 steps of a run here
# plain momentum learns little, and orthogonal momentum (`kerasface.training.Muon`) far more.
UPDATES = {"muon": 0.01, "momentum": 0.1}
UPDATE, PAPER_UPDATE = "muon", "momentum"
DECAY, MUON_DECAY = 5e-4, 0.02
# With plain momentum at once at 0.1, and with three tasks, the shared layer's units were all dead
# after 140 steps: the rate rises over a tenth of the run, and a longer gradient is cut to this.
WARMUP, CLIP = 0.1, 1.0
# Windows of the dynamic rate, in steps, and the share of the run after which it only falls.
WINDOW, SETTLED = 10, 0.85
ADAMW_RATE, ADAMW_DECAY = 1e-3, 0.05


class WarmedUp(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that is reached in equal steps from nothing.

    Args:
        schedule: the rate by the step, a `LearningRateSchedule`.
        steps: after which it is reached, 1 or more.
    """

    def __init__(self, schedule, steps: int):
        self.schedule, self.steps = schedule, steps

    def __call__(self, step):
        """The rate of a step, counted from 0."""
        share = (keras.ops.cast(step, "float32") + 1.0) / self.steps
        return self.schedule(step) * keras.ops.minimum(share, 1.0)

    def get_config(self):
        return {"schedule": self.schedule, "steps": self.steps}


def optimizer(
    kind: str, peak: float, steps: int, update: str = UPDATE
) -> keras.optimizers.Optimizer:
    """Momentum under a rate of that kind, or AdamW; weight decay on kernels only.

    Args:
        kind: a method's `rate`.
        peak: the highest.
        steps: of the run.
        update: one of `UPDATES`.
    """
    if kind == "adamw":
        made = keras.optimizers.AdamW(ADAMW_RATE, weight_decay=ADAMW_DECAY)
    else:
        schedules = {
            "exponential": keras.optimizers.schedules.ExponentialDecay(peak, steps / TENTHS, 0.1),
            "cosine": keras.optimizers.schedules.CosineDecay(peak, steps),
        }
        rate = peak  # which a callback changes
        if kind in schedules:
            rate = WarmedUp(schedules[kind], max(round(WARMUP * steps), 1))
        if update == "muon":
            made = Muon(rate, MUON_DECAY, MOMENTUM)
        else:
            made = keras.optimizers.SGD(
                rate, momentum=MOMENTUM, weight_decay=DECAY, global_clipnorm=CLIP
            )
    made.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return made


def rate_callbacks(kind: str, peak: float, steps: int) -> dict[str, keras.callbacks.Callback]:
    """Callbacks that set the rate, for `RunState(keep=...)`; none where a schedule does."""
    if kind == "plateau":
        return {"learning_rate": Plateau(monitor="loss", factor=0.3, patience=1, min_delta=0.01)}
    if kind != "dynamic":
        return {}
    rule = DynamicRate(
        peak, decay_steps=steps / TENTHS, window=WINDOW, settle_after=int(SETTLED * steps)
    )
    return {"learning_rate": DynamicLearningRate(rule)}
