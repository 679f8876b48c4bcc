"""The six sources of knowledge: a network for each of six tasks, and what each is worth alone.

    python -m recipes.general_knowledge.sources --prepared runs/gk-prepared --runs runs/gk

Expression (FER2013), identity (CelebA), age (UTKFace), gender (CelebA), attributes (MTFL: smile,
glasses, pose) and race (FairFace), each on its own faces alone; 7.7 million parameters and 240
numbers each. Their embedding is what the heads read. Prints what it will cost; what is trained is
skipped, a killed run goes on, `--only age race` trains some; `--devices` and `--hosts`: see
`recipes/README.md`. 40 minutes in two processes of one core each.

Vielzeuf et al. (2019), section 3.1 and table 1, whose sources are other people's networks.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass, replace

import keras
import numpy as np

from kerasface.data import Augmentation, PreparedSet, mix
from kerasface.inference import Source
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Task
from kerasface.training import Stage, load_finished, pretrain, training_layers
from kerasface.training.devices import add_devices
from kerasface.training.progress import Progress, duration, say
from kerasface.training.trained_run import epochs_done
from recipes.general_knowledge import sets

INPUT = {"height": 48, "width": 48, "channels": 3}
EMBEDDING = 240
# Most parameters where maps are 2 x 2: they cost little there.
TRUNK = {
    "name": "small_resnet",
    "config": {"widths": [40, 80, 160, 320, 640], "blocks": [1, 1, 1, 1, 1], "stem": 24},
}
ROWS, RATE, DECAY, DROPOUT = 128, 3e-3, 0.05, 0.3
COSINE_SCALE, COSINE_MARGIN = 24.0, 0.15
AUGMENTATION = Augmentation(
    shift=0.08, scale=0.1, rotate=8.0, contrast=0.25, brightness=0.1, grey=0.5, erase=0.2
)
FACES_A_SECOND = 320.0  # through one of them in training, on two quiet cores


@dataclass(frozen=True)
class SourceTask:
    """One of the six.

    Args:
        part: whose labels it learns.
        tasks: what; of identity none, as its classes are the part's people.
        epochs: passes over the part.
    """

    part: str
    tasks: tuple[Task, ...]
    epochs: int


SOURCES = {
    "expression": SourceTask("fer2013-source", (sets.EXPRESSION,), 8),
    "identity": SourceTask("celeba-source", (), 12),
    "age": SourceTask("utkface-source", (sets.AGE,), 18),
    "gender": SourceTask("celeba-source", (sets.GENDER,), 4),
    "attributes": SourceTask("mtfl-source", sets.ATTRIBUTES, 24),
    "race": SourceTask("fairface-source", (sets.RACE7,), 24),
}


@dataclass(frozen=True)
class Scale:
    """Sizes of everything, the recipe's own or those of `--smoke`.

    Args:
        trunk: of the sources.
        embedding: numbers of a source's embedding, and of the fused one.
        student: trunk of the students, without its embedding.
        size: pixels.
        rows: of a batch.
        epochs: factor of all epochs; 0: one epoch of two steps.
    """

    trunk: dict
    embedding: int
    student: dict
    size: int
    rows: int
    epochs: float = 1.0

    @property
    def input(self) -> dict:
        """Of a network's description."""
        return {"height": self.size, "width": self.size, "channels": 3}

    def duration(self, rows: int, epochs: int) -> tuple[int, int]:
        """Epochs, and steps of one, of so many rows."""
        if not self.epochs:
            return 1, 2
        return max(round(epochs * self.epochs), 1), max(rows // self.rows, 1)


FULL = Scale(TRUNK, EMBEDDING, {"name": "resnet18", "config": {"width": 28}}, 48, ROWS)
SMOKE = Scale(
    {"name": "small_resnet", "config": {"widths": [4, 8], "blocks": [1, 1], "stem": 4}},
    6,
    {"name": "resnet18", "config": {"width": 2}},
    16,
    8,
    0.0,
)


def optimizer(rate: float, steps: int, decay: float = DECAY) -> keras.optimizers.Optimizer:
    """AdamW with a warm-up over a twentieth of the steps and a cosine to 0."""
    warmup = max(steps // 20, 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 20, max(steps - warmup, 1), warmup_target=rate, warmup_steps=warmup
    )
    made = keras.optimizers.AdamW(schedule, weight_decay=decay)
    made.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return made


def with_people(prepared: PreparedSet) -> tuple[PreparedSet, Classification]:
    """The set with a class for each of its people."""
    people = sorted(
        {*prepared.subjects.tolist()}, key=lambda each: hashlib.sha1(each.encode()).hexdigest()
    )
    place = {each: number for number, each in enumerate(people)}
    numbers = np.array([place[each] for each in prepared.subjects.tolist()], "int32")
    task = Classification(
        "person", tuple(people), cosine_scale=COSINE_SCALE, cosine_margin=COSINE_MARGIN
    )
    labels = {**prepared.labels, "person": numbers}
    masks = {**prepared.masks, "person": np.ones(len(numbers), bool)}
    return replace(prepared, labels=labels, masks=masks), task


def train(name: str, options) -> None:
    """One source, or what is left of it."""
    about, scale = SOURCES[name], options.scale
    faces = options.load(about.part)
    tasks = about.tasks
    if not tasks:
        faces, person = with_people(faces)
        tasks = (person,)
    spec = {
        "trunk": scale.trunk,
        "tasks": [task.get_config() for task in tasks],
        "shared": scale.embedding,
        "input": scale.input,
    }
    epochs, steps = scale.duration(len(faces), about.epochs)
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(options.seed)
    layers = training_layers(options.devices)
    with options.devices.scope():
        network = FaceModel.from_spec(spec, **layers, dropout=DROPOUT)
    stage = Stage(
        options.runs / f"source-{name}",
        lambda first: mix(
            {name: faces},
            {name: scale.rows},
            tasks,
            seed=options.seed,
            augmentation=AUGMENTATION,
            first_step=first,
        ),
        lambda: optimizer(RATE, epochs * steps),
        epochs,
        steps,
        settings={"part": about.part, "rows": scale.rows, "rate": RATE, "seed": options.seed},
        reports=[Progress(epochs)],
        sets={name: faces},
        rows=scale.rows,
        devices=options.devices,
    )
    if not stage.is_finished:
        say(f"source {name}: {len(faces)} faces, {epochs} epochs")
        with options.clock(f"source-{name}"):
            pretrain(network, stage)
    keras.config.set_dtype_policy("float32")


def load_source(name: str, options) -> Source:
    """A source that is trained to its end."""
    return Source(load_finished(options.runs / f"source-{name}"), name=name)


def estimate(names, options) -> float:
    """Seconds of training that are left on two quiet cores."""
    seen = 0
    for name in names:
        rows = len(options.load(SOURCES[name].part))
        epochs, _ = options.scale.duration(rows, SOURCES[name].epochs)
        seen += rows * max(epochs - epochs_done(options.runs / f"source-{name}"), 0)
    return seen / FACES_A_SECOND


def main(arguments=None) -> None:
    from recipes.general_knowledge.options import add_options, parse

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    add_devices(parser)
    parser.add_argument("--only", nargs="*", choices=SOURCES, help="default: all")
    options = parse(parser, arguments)
    names = options.only or options.sources
    if not options.smoke:
        say(f"about {duration(estimate(names, options))} on two quiet cores")
    for name in names:
        train(name, options)


if __name__ == "__main__":
    main()
