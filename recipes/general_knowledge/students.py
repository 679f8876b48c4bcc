"""The light networks: the fused knowledge distilled into one, and the one-stage alternative.

    python -m recipes.general_knowledge.students --prepared runs/gk-prepared --runs runs/gk

`unique` (E^G_unique) learns the direction of the code of the plain autoencoder, read from the
shards, by 1 - cosine; `onestage` (E^G_MT) learns all sources' embeddings at once, through a decoder
of the autoencoder's form behind the same trunk. Both see the same faces without labels as often,
changed on the student's side only. A killed run goes on; `--devices` and `--hosts`: see
`recipes/README.md`. Half an hour in two processes of one core each.

Vielzeuf et al. (2019), sections 3.3 and 3.4. Eq. 4 prints the cosine as what is minimised; one
minus it is meant.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import keras
import numpy as np
from keras import ops

from kerasface.data import Augmentation, PreparedSet, mix
from kerasface.data.batches import TEACHER
from kerasface.models import FaceModel
from kerasface.models.embedding_fusion import decoder_stack
from kerasface.tasks import Embedding
from kerasface.training import SoftTargets, Stage, distil, load_finished, training_layers
from kerasface.training.balancing.replicas import replica_count
from kerasface.training.devices import add_devices
from kerasface.training.progress import Progress, duration, say
from kerasface.training.trained_run import epochs_done
from recipes.general_knowledge import fusion
from recipes.general_knowledge.options import add_options, parse
from recipes.general_knowledge.sources import optimizer

KNOWLEDGE, SOURCES = "knowledge", "sources"
EPOCHS, RATE = 6, 1.5e-3
AUGMENTATION = Augmentation(
    shift=0.06, scale=0.08, rotate=6.0, contrast=0.2, brightness=0.08, grey=0.3, erase=0.1
)
FACES_A_SECOND = 430.0  # of each, on two quiet cores
STUDENTS = ("unique", "onestage")


def knowledge(size: int) -> Embedding:
    """The task of the fused embedding: the trunk's own vector."""
    return Embedding(KNOWLEDGE, size, project=False)


def spec_of(scale) -> dict:
    """The student's description."""
    trunk = scale.student
    return {
        "trunk": {**trunk, "config": {**trunk["config"], "embedding": scale.embedding}},
        "tasks": [knowledge(scale.embedding).get_config()],
        "input": scale.input,
    }


class OneStage(keras.Model):
    """A student and a decoder, trained together to give all sources' embeddings.

    Args:
        student: whose trunk's features are the code.
        total: numbers of all sources.
    """

    def __init__(self, student: FaceModel, total: int):
        super().__init__(name="one_stage")
        self.student = student
        self.decoder = decoder_stack(student.trunk.output_shape[-1], total)
        self.built = True

    def call(self, images, training=False):
        return self.decoder(self.student.trunk_features(images, training), training=training)

    def fit(self, x=None, **how):
        """As `keras.Model.fit`; batches come in an order of their own."""
        return super().fit(x, **{"shuffle": False, **how})

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Mean squared error of the standardised embeddings, in float32 (eq. 3)."""
        target = ops.cast(y[TEACHER][SOURCES], "float32")
        # A replica's part of the global batch's mean.
        return ops.mean(ops.square(ops.cast(y_pred, "float32") - target)) / replica_count()


def unlabelled(options, name: str, column: np.ndarray) -> PreparedSet:
    """The faces without labels as one set, with a column of what is learnt of each."""
    parts = [options.load(part) for part in options.unsupervised]
    rows = sum(len(part) for part in parts)
    if rows != len(column):
        raise ValueError(
            "every face that trains needs its embeddings: some could not be read. "
            f"Received: {len(column)} embeddings of {rows} faces"
        )
    return PreparedSet(
        images=np.concatenate([part.images for part in parts]),
        labels={},
        masks={},
        subjects=np.full(rows, ""),
        domain="unlabelled",
        names=np.concatenate([part.names for part in parts]),
        soft={name: column},
    )


def codes_to_learn(options) -> np.ndarray:
    """Codes of the plain autoencoder for the faces without labels, a shard at a time."""
    operator = fusion.fit("plain", options)
    shards = fusion.shards_of(options.unsupervised, options)
    return np.concatenate([operator.codes(part.embeddings, part.present) for part in shards])


def embeddings_to_learn(options) -> np.ndarray:
    """All sources' standardised embeddings of the faces without labels, 0 where one is missing."""
    operator = fusion.fit(fusion.CONCAT, options)
    shards = fusion.shards_of(options.unsupervised, options)
    return np.concatenate([operator.codes(part.embeddings, part.present) for part in shards])


def faces_of(name: str, taught: str, options) -> PreparedSet:
    """The faces without labels, with what a student learns of them, in float32."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")

    def fit() -> None:
        if name == "unique":
            fusion.fit("plain", options)

    options.devices.once(fit)  # where it is not there yet
    column = codes_to_learn if name == "unique" else embeddings_to_learn
    faces = unlabelled(options, taught, column(options))
    keras.config.set_dtype_policy(policy)
    return faces


def train(name: str, options) -> None:
    """One of the two, or what is left of it."""
    scale = options.scale
    rows = sum(len(options.load(part)) for part in options.unsupervised)
    epochs, steps = scale.duration(rows, EPOCHS)
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(options.seed)
    layers = training_layers(options.devices)
    with options.devices.scope():
        student = FaceModel.from_spec(spec_of(scale), **layers)
    taught = KNOWLEDGE if name == "unique" else SOURCES

    def batches(first: int):
        faces = stage.sets["faces"]
        asked = Embedding(taught, faces.soft[taught].shape[1], project=False)
        return mix(
            {"faces": faces},
            {"faces": scale.rows},
            (asked,),
            seed=options.seed,
            augmentation=AUGMENTATION,
            first_step=first,
            soft=True,
        )

    stage = Stage(
        options.runs / f"student-{name}",
        batches,
        lambda: optimizer(RATE, epochs * steps),
        epochs,
        steps,
        settings={"student": name, "rows": scale.rows, "rate": RATE, "seed": options.seed},
        reports=[Progress(epochs)],
        rows=scale.rows,
        devices=options.devices,
    )
    if not stage.is_finished:
        say(f"student {name}: {rows} faces, {epochs} epochs")
        with options.clock(f"student-{name}"):
            # What is learnt is asked for only if something is left to train.
            stage = replace(stage, sets={"faces": faces_of(name, taught, options)})
            if name == "unique":
                distil(student, None, [SoftTargets(tasks=[KNOWLEDGE])], stage)
            else:
                total = fusion.shards_of(options.unsupervised, options).total
                with options.devices.scope():
                    model = OneStage(student, total)
                stage.train(model, student)
    keras.config.set_dtype_policy("float32")


def load_student(name: str, options) -> FaceModel:
    """A student that is trained to its end."""
    return load_finished(options.runs / f"student-{name}")


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    add_devices(parser)
    parser.add_argument("--only", nargs="*", choices=STUDENTS, default=list(STUDENTS))
    options = parse(parser, arguments)
    if not options.smoke:
        rows = sum(len(options.load(part)) for part in options.unsupervised)
        epochs, _ = options.scale.duration(rows, EPOCHS)
        done = sum(epochs_done(options.runs / f"student-{name}") for name in options.only)
        spent = (len(options.only) * epochs - done) * rows / FACES_A_SECOND
        say(f"about {duration(spent)} on two quiet cores")
    for name in options.only:
        train(name, options)


if __name__ == "__main__":
    main()
