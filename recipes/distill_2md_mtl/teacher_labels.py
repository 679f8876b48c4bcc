"""A finished teacher's labels for pictures that have none, made once and kept beside its run."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from kerasface.data.prepared import PreparedSet
from kerasface.data.pseudo_labels import read_labels, with_pseudo_labels
from kerasface.inference.labeller import Labeller
from kerasface.inference.labelling import label_images
from kerasface.tasks import Task
from kerasface.training.devices import Devices
from kerasface.training.trained_run import load_finished
from kerasface.training.trunk_layers import training_form
from recipes.distill_2md_mtl.label_noise import with_mistakes
from recipes.distill_2md_mtl.methods import Method

# How the teacher looks at each picture.
TRANSFORMS = ("plain", "flip", "scale=1.08", "flip+crop=0:0:0.92:0.92")


def pseudo_labelled(
    sets: dict[str, PreparedSet],
    teacher_run: Path,
    tasks: list[Task],
    few: int,
    method: Method,
    devices: Devices,
) -> dict[str, PreparedSet]:
    """The sets with the teacher's labels where they have none; each picture seen several ways.

    The first student of a teacher has them made, by one host; the others read them. Of a set
    without a label of the tasks only the pictures that were labelled are left.
    """
    names = [task.name for task in tasks]
    network = cache(lambda: training_form(load_finished(teacher_run)))
    taught = {}
    for name, prepared in sets.items():
        if all(prepared.labelled(task) == len(prepared) for task in names):
            taught[name] = prepared
            continue
        rows = np.random.default_rng(0).permutation(len(prepared))[:few]
        part = prepared.take(np.sort(rows))
        folder = teacher_run / "labels" / "-".join([prepared.domain, *names])

        def label(part=part, folder=folder):
            about = dict(tasks=names, transforms=TRANSFORMS, name=teacher_run.name)
            label_images(Labeller(network(), **about), part, folder)

        devices.once(label)
        labels = with_mistakes(read_labels(folder), method, len(TRANSFORMS))
        own = any(prepared.labelled(task) for task in names)
        whole = prepared if own else part
        taught[name] = with_pseudo_labels(whole, labels, tasks, method.threshold)
    return taught
