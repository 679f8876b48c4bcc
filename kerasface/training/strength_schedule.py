"""How strongly the trunk hears the adversary, as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras

from kerasface.training.routed_optimizer import RoutedOptimizer

# Growth of the DANN schedule; Ganin et al. write gamma and take 10.
GROWTH = 10.0


def constant_strength(progress: float) -> float:
    """1 at any progress."""
    del progress
    return 1.0


def linear_strength(progress: float) -> float:
    """From 0 to 1 in a straight line."""
    return progress


def dann_strength(progress: float) -> float:
    """`2 / (1 + exp(-10 p)) - 1`: 0 at the start, 0.46 after a tenth, 0.99 after the half.

    Reference:
        Ganin et al., "Domain-adversarial training of neural networks" (2016), section 5.2.2.
    """
    return 2.0 / (1.0 + math.exp(-GROWTH * progress)) - 1.0


SCHEDULES = {"constant": constant_strength, "linear": linear_strength, "dann": dann_strength}


def strength_at(
    step: int, steps: int, schedule: str | Callable[[float], float] = "dann", peak: float = 1.0
) -> float:
    """The strength in a step, `peak * schedule(min(step / steps, 1))`.

    Args:
        step: number of finished steps, 0 in the first.
        steps: number of steps that the ramp takes, 1 or more; after them it stays where it is.
        schedule: "constant", "linear", "dann", or a function of the progress 0..1.
        peak: what the schedule is multiplied with, at least 0.

    Returns:
        A float, 0 or more.

    Raises:
        ValueError: `steps` below 1, a negative peak, or an unknown schedule.

    Example:
        >>> [strength_at(step, 10, "linear", peak=0.5) for step in (0, 5, 10, 20)]
        [0.0, 0.25, 0.5, 0.5]
    """
    if steps < 1 or not 0.0 <= peak < math.inf:
        raise ValueError(
            f"steps must be 1 or more and peak 0 or more. Received: steps={steps}, peak={peak}"
        )
    if not callable(schedule) and schedule not in SCHEDULES:
        raise ValueError(
            f"schedule must be a function or one of {list(SCHEDULES)}. "
            f"Received: schedule={schedule!r}"
        )
    rise = schedule if callable(schedule) else SCHEDULES[schedule]
    return peak * float(rise(min(step / steps, 1.0)))


def batches_a_step(optimizer: keras.optimizers.Optimizer) -> int:
    """How many batches an optimiser gathers before it steps."""
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        optimizer = optimizer.inner_optimizer
    if isinstance(optimizer, RoutedOptimizer):
        optimizer = optimizer.part()
    return optimizer.gradient_accumulation_steps or 1


class StrengthSchedule(keras.callbacks.Callback):
    """Sets the strength of a gradient reversal before each step, and logs it.

    The strength is a function of the optimiser's number of steps, which `RunState` brings back,
    so a resumed run goes on with exactly the strengths of an unbroken one. The logs of an epoch
    get `<task>_strength`, that of its last step; list this callback before those that should see
    it (`RunState`, `TensorBoardReport`).

    Args:
        head: the adversary, `model.heads.head("domain")`, or any layer with a `reversal`, or a
            `GradientReversal` itself.
        steps: number of the optimiser's steps that the ramp takes.
        schedule: "constant", "linear", "dann", or a function of the progress 0..1.
        peak: what the schedule is multiplied with; default the strength that the head was made
            with (`Domain(strength=...)`).
        name: of the entry in the logs; default `<task>_strength` of a head `<task>_head`.

    Raises:
        ValueError: as `strength_at`.

    Example:

        ramp = StrengthSchedule(model.heads.head("domain"), steps=epochs * steps_per_epoch)
        model.fit(batches, callbacks=[ramp, RunState(folder, config)], ...)
    """

    def __init__(
        self,
        head: keras.layers.Layer,
        steps: int,
        schedule: str | Callable[[float], float] = "dann",
        peak: float | None = None,
        name: str | None = None,
    ):
        super().__init__()
        self.reversal = getattr(head, "reversal", head)
        self.steps, self.schedule = int(steps), schedule
        self.peak = self.reversal.initial_strength if peak is None else float(peak)
        self.name = name or f"{head.name.removesuffix('_head')}_strength"
        self.first = 0
        self.value: float | None = None
        self.at(0)

    def at(self, step: int) -> float:
        """The strength in a step; see `strength_at`."""
        return strength_at(step, self.steps, self.schedule, self.peak)

    def on_train_begin(self, logs=None):
        self.value = None  # the weights may have been loaded since

    def on_epoch_begin(self, epoch, logs=None):
        # Once an epoch: on an accelerator each look at the variable would wait for the step.
        self.first = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))

    def on_train_batch_begin(self, batch, logs=None):
        value = self.at(self.first + batch // batches_a_step(self.model.optimizer))
        if value == self.value:
            return
        if hasattr(self.model, "jax_state_sync"):
            # On JAX the variables are empty between the steps of an epoch until they are synced.
            self.model.jax_state_sync()
        self.reversal.strength.assign(value)
        self.value = value

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None and self.value is not None:
            logs[self.name] = self.value
