"""Run by test_recipes_on_devices.py in a process of its own: `RECIPE FOLDER`, on TensorFlow.

Trains a recipe's smoke run on one device and on two, in float32 (bfloat16 has three digits), and
prints how far the weights of each of its runs lie apart. Steps are traced: eager ones of several
replicas do not keep the order in which TensorFlow's collectives meet.
"""

import json
import sys
from pathlib import Path

import h5py
import keras
import numpy as np

from recipes.controls import adversary_probe
from recipes.controls import run as controls
from recipes.controls.arms import Control
from recipes.distill_2md_mtl import train
from recipes.general_knowledge import fusion, sources, students
from recipes.knowledge_transfer import aligner, alignment, classification, verification, verifier

# Muon makes its steps orthogonal in bfloat16, see test_muon_replicas.py for it in float32; and ten
# times the rate takes rounding further than `CLOSE` of the test.
MOMENTUM = ("--update", "momentum", "--rate", "0.01")


def distill(words):
    train.main(["baseline", *words, *MOMENTUM])


def control(words):
    """Three tasks under GradNorm, with the cosines of their gradients."""
    controls.CONTROLS = {"affinity": Control("Does it help?", ("multi",), ())}
    controls.main([*words, *MOMENTUM])


def adversary(words):
    adversary_probe.main([*words, "--seeds", "0", "--tasks", "gender", "--variants", "softmax"])


def tables(words):
    for each in (classification, alignment, verification):
        each.main(words)


def published(words):
    """Dropout is each replica's own, and would be all that differs."""
    verifier.DROPOUT = 0.0
    verifier.main([*words, "--arms", "teacher", "alone", "student"])
    aligner.main([*words, "--arms", "teacher", "student"])


def general(words):
    sources.DROPOUT = 0.0
    sources.main(words)
    fusion.main([word for word in words if word not in ("--devices", "1", "2")])
    students.main(words)


RECIPES = {
    "distill_2md_mtl": distill,
    "controls": control,
    "adversary": adversary,
    "tables": tables,
    "published": published,
    "general": general,
}


def weights(file):
    """All arrays of a saved epoch by name, the optimiser's too."""
    found = {}
    with h5py.File(file) as stored:
        stored.visititems(
            lambda name, each: found.update({name: each[()]} if hasattr(each, "shape") else {})
        )
    return found


def apart(some, others):
    """By name the largest difference, as a part of the largest number where that is above 1."""
    assert set(some) == set(others), set(some) ^ set(others)
    return {
        name: float(np.abs(value - others[name]).max() / max(np.abs(value).max(), 1.0))
        for name, value in some.items()
    }


def main(recipe, folder):
    folder = Path(folder)
    keras.mixed_precision.set_global_policy = keras.config.set_dtype_policy = lambda policy: None
    for devices in (2, 1):
        words = ["--smoke", "--devices", str(devices), "--runs", str(folder / str(devices))]
        RECIPES[recipe](words)
    answer = {}
    for state in sorted((folder / "1").rglob("state.json")):
        run = state.parent.relative_to(folder / "1")
        [one], [two] = ([*(folder / n / run).glob("epoch-*.weights.h5")] for n in "12")
        gaps = apart(weights(one), weights(two))
        worst = max(gaps, key=gaps.get)
        answer[str(run)] = [worst, gaps[worst]]
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
