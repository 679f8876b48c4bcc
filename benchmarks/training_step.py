"""What partial labels, an adversary and a teacher cost a training step.

    python -m benchmarks.training_step [--trunk small_resnet] [--rounds 6] [--steps 12]

Every contender trains the same trunk in mixed_bfloat16 by stock `fit` on batches of 128 faces
from `kerasface.data.mix` with the same augmentation, in turns in one process:

- plain: one softmax head with Keras's own loss and accuracy, every row labelled, no weights;
- masked, adversary: six heads and a domain adversary behind gradient reversal, four sets of which
  each has labels for one to three tasks (the published student's recipe, `recipes/face_zoo`);
- masked: the same without the adversary;
- distilled: `Distiller` on the six heads with a teacher's cached outputs in the batch;
- plain, Keras normalisation: as plain, with `keras.layers.BatchNormalization` in place of
  `FusedBatchNormalization`, which all others use;
- plain, Keras convolution: as plain, with `keras.layers.Conv2D` in place of ours, whose gradient
  of the kernel is faster; all others use that.

A step is timed from its start to the start of the next, so it holds the wait for its batch and
what `fit` does around it. About five minutes on two cores. `--clock cpu` counts CPU seconds, for
a machine that has other work; the aim is for the wall clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np

from benchmarks import machine
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.timing import CLOCKS, alternate, ratio, row
from kerasface.data.augment import Augmentation
from kerasface.data.mixing import mix
from kerasface.data.prepared import PreparedSet
from kerasface.data.synthetic import STYLES, synthetic_set
from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Domain, Task
from kerasface.training.distiller import Distiller
from kerasface.training.trunk_layers import training_layers
from recipes.face_zoo.sets import TASKS
from recipes.face_zoo.train import PER_BATCH

# What each set of the student's recipe is labelled for.
LABELLED = {
    "fer2013": ("expression",),
    "utkface": ("age", "gender", "race"),
    "fairface": ("age_group", "gender", "race7"),
    "celeba": ("gender",),
}
EXPRESSION = TASKS[0]
SOURCE = Domain("source", tuple(PER_BATCH))
POLICY = "mixed_bfloat16"
AIM = "<= 1.10"
QUIET = {"verbose": 0, "shuffle": False}  # the batches are shuffled already
SKIPPED = 2  # first steps of a block, while the batches ahead are filled
CONTENDERS = (
    "plain",
    "masked, adversary",
    "masked",
    "distilled",
    "plain, Keras normalisation",
    "plain, Keras convolution",
)
# What a contender has in place of `training_layers`.
KERAS_LAYERS = {
    "plain, Keras normalisation": {"normalization": keras.layers.BatchNormalization},
    "plain, Keras convolution": {"convolution": keras.layers.Conv2D},
}
SMOKE_TRUNK = {"widths": (8,), "blocks": (1,), "stem": 8}
SMOKE_CONTENDERS = ("plain", "masked, adversary", "distilled")


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    options = _options(arguments)
    warn_if_busy(options.smoke)
    load_before = machine.load()
    size, rows = (24, 16) if options.smoke else (48, 512)
    per_batch = {name: 2 for name in PER_BATCH} if options.smoke else PER_BATCH
    batch = sum(per_batch.values())
    sets = partly_labelled(rows, size)
    config = {"input_shape": (size, size, 3)} | (SMOKE_TRUNK if options.smoke else {})

    def trunk(**other) -> keras.Model:
        return build_trunk(options.trunk, **config, **{**training_layers(), **other})

    def contender(name: str):
        """A compiled model and its batches."""
        if name.startswith("plain"):
            return plain(trunk(**KERAS_LAYERS.get(name, {}))), plain_batches(sets, batch)
        tasks = (*TASKS, SOURCE) if "adversary" in name else TASKS
        model, distil = FaceModel(trunk(), tasks), name == "distilled"
        model = Distiller(model) if distil else model
        model.compile(optimizer())
        return model, batches(sets, per_batch, tasks, soft=distil)

    with policy(POLICY):
        steps = {}
        for name in options.only:
            model, dataset = contender(name)
            model.run_eagerly = options.smoke  # tracing would be most of a smoke run
            steps[name] = stepper(model, dataset, options.steps, CLOCKS[options.clock])
            if not options.smoke:
                steps[name]()  # traces
        blocks = alternate(steps, options.rounds)
    finish(
        "training_step",
        options,
        {
            "trunk": options.trunk,
            "batch": batch,
            "size": size,
            "policy": POLICY,
            "rounds": options.rounds,
            "steps": options.steps,
            "clock": options.clock,
        },
        _ratios(blocks),
        [row(name, each, faces=batch) for name, each in blocks.items()],
        load_before=load_before,
    )


def partly_labelled(rows: int, size: int, seed: int = 0) -> dict[str, PreparedSet]:
    """Four sets of `rows` drawn faces, each labelled for its own tasks; `mix` adds its domain.

    Labels and a teacher's outputs are random: a step's time does not depend on them.
    """
    rng = np.random.default_rng(seed)
    styles, sets = tuple(STYLES), {}
    for number, (name, known) in enumerate(LABELLED.items()):
        drawn = synthetic_set(rows, styles[number % len(styles)], seed + number, size=size)
        labels = {
            task.name: _random_labels(task, rows, rng) for task in TASKS if task.name in known
        }
        sets[name] = replace(
            drawn,
            labels=labels,
            masks={task: np.ones(rows, bool) for task in labels},
            domain=name,
            soft={
                task.name: rng.normal(size=(rows, task.output_size)).astype("float32")
                for task in TASKS
            },
        )
    return sets


def _random_labels(task: Task, rows: int, rng: np.random.Generator) -> np.ndarray:
    if task.kind == "regression":
        return rng.uniform(task.low, task.high, rows).astype(task.label_dtype)
    return rng.integers(task.output_size, size=rows, dtype=task.label_dtype)


def batches(sets, per_batch, tasks, soft=False):
    """Mixed and augmented batches, `(images, labels, sample_weight)`."""
    return mix(sets, per_batch, tasks, augmentation=Augmentation(), soft=soft)


def plain_batches(sets, batch: int):
    """The same form of batches as a plain `fit` takes them: `(images, label)`, all labelled."""
    one = {"fer2013": sets["fer2013"]}
    mixed = batches(one, {"fer2013": batch}, (EXPRESSION,))
    return mixed.map(lambda images, labels, weights: (images, labels[EXPRESSION.name]))


def plain(trunk: keras.Model) -> keras.Model:
    """The trunk with one softmax head, as Keras's guides write it."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(trunk.input_shape[1:]),
            layers.Rescaling(1 / 127.5, offset=-1),
            trunk,
            layers.Dense(EXPRESSION.output_size, dtype="float32"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(), loss=loss, metrics=["accuracy"])
    return model


def optimizer() -> keras.optimizers.Optimizer:
    """The rule that all contenders train by."""
    return keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True, clipnorm=5.0)


def stepper(model, dataset, steps: int, clock: Callable[[], float]) -> Callable[[], list[float]]:
    """A block for `alternate`: seconds of each step of one `fit`, without the first ones."""

    def block() -> list[float]:
        starts: list[float] = []
        skipped = SKIPPED if steps > SKIPPED else 0
        # The start of a step, and no end: an end would make Keras fetch every metric each step.
        stamp = keras.callbacks.LambdaCallback(
            on_train_batch_begin=lambda step, logs: starts.append(clock())
        )
        fitted = model.fit(dataset, steps_per_epoch=steps + 1, callbacks=[stamp], **QUIET)
        if not math.isfinite(fitted.history["loss"][-1]):
            raise RuntimeError(f"the loss of {model.name} is not finite; its time says nothing")
        return np.diff(starts)[skipped:].tolist()

    return block


def _ratios(blocks) -> list[dict]:
    """What can be said of the contenders that were timed; the first one has the aim."""
    wanted = (
        ("masked multi-task step with adversary / plain", "masked, adversary", "plain", AIM),
        ("masked multi-task step / plain", "masked", "plain", None),
        ("distilled step, cached teacher / plain", "distilled", "plain", None),
        ("distilled step, cached teacher / masked", "distilled", "masked", None),
        ("Keras normalisation / fused", "plain, Keras normalisation", "plain", None),
        ("Keras convolution / ours", "plain, Keras convolution", "plain", None),
    )
    return [
        ratio(name, blocks[over], blocks[under], aim)
        for name, over, under, aim in wanted
        if over in blocks and under in blocks
    ]


@contextmanager
def policy(name: str):
    """A dtype policy for what is built inside."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _options(arguments):
    made = parser(__doc__)
    made.add_argument("--trunk", default="small_resnet", help="a name that build_trunk knows")
    made.add_argument("--rounds", type=int, default=6, help="blocks of each contender")
    made.add_argument("--steps", type=int, default=12, help="steps a block")
    made.add_argument("--clock", choices=CLOCKS, default="wall")
    made.add_argument("--only", nargs="+", choices=CONTENDERS, help="with plain; default all")
    options = made.parse_args(arguments)
    if options.smoke:
        options.rounds, options.steps, options.trunk = 1, 1, "small_resnet"
    only = options.only or (SMOKE_CONTENDERS if options.smoke else CONTENDERS)
    options.only = [name for name in CONTENDERS if name in ("plain", *only)]
    if len(options.only) < 2:
        made.error("--only needs a contender besides plain")
    return options


if __name__ == "__main__":
    main()
