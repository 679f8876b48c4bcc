"""What the three tables share: ResNet-50 and its divisors, rates, stages, and terms of one size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from kerasface.data import Augmentation
from kerasface.data.batches import layer_column
from kerasface.data.prepared import PreparedSet
from kerasface.models import FaceModel
from kerasface.tasks import Task
from kerasface.training import (
    Devices,
    HiddenTarget,
    LogitTargets,
    SoftTargets,
    Stage,
    initialise,
    load_finished,
    training_layers,
)
from kerasface.training.progress import say

# No mean is subtracted: batch normalisation stands right behind the pixels.
INPUT = {"height": 48, "width": 48, "channels": 3, "scale": 1 / 255, "offset": 0.0}
# The paper's is 1; half of it is what two processor cores can train.
TEACHER_DIVISOR = 2
LAYER, MIDDLE = "features", "group2"
ROWS, MOMENTUM, DECAY = 64, 0.9, 5e-4
# Highest rates of a network from scratch, and of one that is initialised; both fall to 0. Of
# 0.05, 0.15 and 0.4 for /8 from labels, this found most neighbours among the 100 other people.
SCRATCH_RATE, INITIALISED_RATE = 0.15, 0.015
FLIPS = Augmentation(
    flip=0.5, shift=0.0, scale=0.0, rotate=0.0, contrast=0.0, brightness=0.0, grey=0.0, erase=0.0
)
# A long gradient is cut to this: squared distances of whole layers make some at the start.
CLIP = 10.0
# On a fifth of MTFL's training faces, by /8 of points from "Distill" after six epochs: the error is
# 5.55 % of the eyes' distance at 0.001, 4.73 at 0.004 and 4.44 at 0.01.
ADAPTIVE_RATE, ADAPTIVE_DECAY = 1e-2, 0.01
# What a term costs at the start, so that targets of different sizes can be compared: about half
# the cross-entropy of 500 classes.
START = 3.0


def spec_of(divisor: int, tasks: Sequence[Task], small: bool = False) -> dict:
    """ResNet-50 of a divisor for these tasks; `small` is a toy of the same layers' names."""
    trunk = {
        "name": "resnet50",
        "config": {"divisor": divisor, "stem_stride": 2, "input_normalization": True},
    }
    if small:
        widths = [16 // divisor, 32 // divisor]
        trunk = {
            "name": "small_resnet",
            "config": {"widths": widths, "blocks": [1, 1], "stem": 8},
        }
    return {"trunk": trunk, "tasks": [task.get_config() for task in tasks], "input": INPUT}


def make(divisor: int, tasks: Sequence[Task], seed: int, options) -> FaceModel:
    """A new network in its training form; bfloat16 where channels are many enough to gain by it."""
    policy = "float32" if divisor >= 8 or options.smoke else "mixed_bfloat16"
    keras.mixed_precision.set_global_policy(policy)
    keras.utils.set_random_seed(seed)
    layers = training_layers(options.devices)
    with options.devices.scope():
        return FaceModel.from_spec(spec_of(divisor, tasks, options.smoke), **layers)


def trained(folder: Path) -> FaceModel:
    """The network of a stage, in float32."""
    keras.mixed_precision.set_global_policy("float32")
    return load_finished(folder)


def started(
    divisor: int, tasks: Sequence[Task], seed: int, from_run: Path | None, options
) -> FaceModel:
    """A new network, with the weights of a run where one is given."""
    network = make(divisor, tasks, seed, options)
    return network if from_run is None else initialise(network, from_run)


def stage(
    folder: Path,
    batches: Callable,
    epochs: int,
    steps: int,
    rate: float,
    settings: dict,
    adaptive: bool = False,
    together: int = 1,
    *,
    sets: Mapping[str, PreparedSet],
    rows: int,
    devices: Devices,
) -> Stage:
    """A stage with the paper's optimiser: Nesterov momentum, the rate falling to 0 by a cosine.

    Args:
        folder: its own.
        batches: of the first step.
        epochs: of the stage.
        steps: of an epoch.
        rate: the highest.
        settings: that a folder is known by.
        adaptive: AdamW instead, where squared errors far below 1 are to be minimised.
        together, sets, rows, devices: as of `Stage`.
    """
    steps_in_all = epochs * steps

    def optimizer():
        if adaptive:
            warmup = max(steps_in_all // 20, 1)
            schedule = keras.optimizers.schedules.CosineDecay(
                rate / 20, max(steps_in_all - warmup, 1), warmup_target=rate, warmup_steps=warmup
            )
            made = keras.optimizers.AdamW(schedule, weight_decay=ADAPTIVE_DECAY)
        else:
            schedule = keras.optimizers.schedules.CosineDecay(rate, steps_in_all)
            made = keras.optimizers.SGD(
                schedule,
                momentum=MOMENTUM,
                nesterov=True,
                weight_decay=DECAY,
                global_clipnorm=CLIP,
            )
        made.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        return made

    settings = {**settings, "rate": rate, "adaptive": adaptive}
    made = Stage(
        folder,
        batches,
        optimizer,
        epochs,
        steps,
        settings=settings,
        sets=sets,
        rows=rows,
        devices=devices,
        together=together,
    )
    if not made.is_finished and devices.chief:
        say(f"{folder.name}: {epochs} epochs of {steps} batches")
    return made


def soft_term(temperature: float, weight: float = 1.0) -> SoftTargets:
    """Equation 2's second term, `t^2` applied, alpha = 1."""
    return SoftTargets(temperature, weight, tasks=["person"])


def hidden_term(taught: PreparedSet, weight: float = 1.0) -> HiddenTarget:
    """`||r(K_S) - K_T||^2`, which costs `weight * START` where the student answers the mean."""
    column = taught.soft[layer_column(LAYER)]
    scaled = weight * _weight(column)
    return HiddenTarget(LAYER, LAYER, weight=scaled, teacher_size=column.shape[-1])


def logit_term(taught: PreparedSet) -> LogitTargets:
    """`||z_S - z_T||^2`, which costs `START` where the student answers the mean."""
    return LogitTargets(_weight(taught.soft["person"]), tasks=["person"])


def hint_target(teacher: FaceModel) -> HiddenTarget:
    """FitNets' guided layer is the middle one; a squared error of about 1 a value costs `START`."""
    layer = teacher.trunk.get_layer(MIDDLE).output.shape
    return HiddenTarget(MIDDLE, MIDDLE, weight=START / float(np.prod(layer[1:])))


def _weight(column: np.ndarray) -> float:
    spread = ((column - column.mean(0)) ** 2).sum(-1).mean()
    return float(f"{START / max(float(spread), 1e-6):.3g}")
