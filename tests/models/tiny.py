"""A face model of some thousand weights on pictures of 16 pixels, with a task of every kind."""

import keras
import numpy as np

from kerasface.data.batches import labelled_weights
from kerasface.models import FaceModel, small_resnet
from kerasface.tasks import Classification, Domain, Embedding, Landmarks, Regression

TASKS = (
    Classification("gender", ("male", "female")),
    Regression("age", "years", (0, 116), bins=30, alpha=0.5),
    Regression("weight", "kg", (0, 200), alpha=2.0),
    Landmarks("landmarks5", 5),
    Embedding("identity", 8, margin=2.0),
    Domain("source", ("a", "b"), hidden=(8,)),
)
SHAPE = (16, 16, 3)


def tiny_model(tasks=TASKS, seed=0, normalization=keras.layers.BatchNormalization, **kwargs):
    keras.utils.set_random_seed(seed)
    trunk = small_resnet(SHAPE, (8, 8), (1, 1), stem=8, normalization=normalization)
    return FaceModel(trunk, tasks, **kwargs)


def pictures(rows, seed=0, dtype="uint8"):
    return np.random.default_rng(seed).integers(0, 256, (rows, *SHAPE)).astype(dtype)


def some_labels(tasks, rows, seed=0):
    """By task name, `(rows, ...)` legal labels drawn at random."""
    chance = np.random.default_rng(seed)
    drawn = {
        "gender": chance.integers(0, 2, rows),
        "age": chance.uniform(0, 116, rows),
        "weight": chance.uniform(20, 150, rows),
        "landmarks5": chance.uniform(0, 1, (rows, 5, 2)),
        "identity": chance.integers(0, 3, rows),
        "source": chance.integers(0, 2, rows),
    }
    return {task.name: drawn[task.name].astype(task.label_dtype) for task in tasks}


def hide(labels, masks, tasks):
    """The labels with fillers where the mask is false, and the batch contract's weights."""
    hidden = {}
    for task in tasks:
        hidden[task.name] = labels[task.name].copy()
        hidden[task.name][~masks[task.name]] = task.filler
    return hidden, labelled_weights(masks, tasks)
