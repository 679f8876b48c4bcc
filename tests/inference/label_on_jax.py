"""Run by test_labeller_jax.py with KERAS_BACKEND=jax: label with weights from TensorFlow."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from kerasface.data.batches import arrays
from kerasface.data.pseudo_labels import read_labels, with_pseudo_labels
from kerasface.data.synthetic import synthetic_set
from kerasface.inference.labeller import Labeller
from kerasface.inference.labelling import label_images
from kerasface.tasks import with_soft_labels
from tests.models.tiny import TASKS, pictures, tiny_model


def main(folder: Path) -> None:
    after_import = "tensorflow" in sys.modules  # Keras's own seeding and `fit` bring it later
    teacher = tiny_model(seed=7)
    teacher.load_weights(folder / "model.weights.h5")
    labeller = Labeller(teacher, batch_size=24)
    columns = labeller(pictures(6))
    with np.load(folder / "expected.npz") as stored:
        apart = {name: float(np.abs(columns[name] - stored[name]).max()) for name in stored.files}

    faces = synthetic_set(24, size=16, tasks=("gender",))
    faces.masks["gender"][::2] = False
    reports = [label_images(labeller, faces, folder / "labels", rows_per_shard=10) for _ in "ab"]
    tasks = with_soft_labels(TASKS[:2])
    union = with_pseudo_labels(faces, read_labels(folder / "labels"), tasks, weighted=True)
    images, labels, weights = arrays({"faces": union}, tasks)
    student = tiny_model(TASKS[:2])
    student.compile(
        keras.optimizers.Adam(3e-3),
        loss={task.name: task.make_loss() for task in tasks},
        weighted_metrics={task.name: task.make_metrics() for task in tasks},
    )
    history = student.fit(
        images, labels, sample_weight=weights, batch_size=12, epochs=6, verbose=0
    ).history
    answer = {
        "backend": keras.backend.backend(),
        "tensorflow_after_import": after_import,
        "apart": apart,
        "labels": [report.labels for report in reports],
        "resumed": [report.resumed for report in reports],
        "loss": history["loss"],
        "labelled": history["gender_labelled"],
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
