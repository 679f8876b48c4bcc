"""Rate and augmentation of the runs, chosen by people of CK+ who do not train.

    python -m recipes.distill_2md_mtl.choose --prepared runs/2md-prepared --out runs/2md-choice

The baseline trains on seven of CK+'s ten folds by subject and answers the people of the other
three, as their pictures are, and disturbed: turned, moved, dimmed, blurred, noisy. Across data sets
it is the disturbed ones that count; of other data sets nothing is looked at. Writes `choice.json`;
what is trained is skipped. Two to three minutes a setting on two cores.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import keras
import numpy as np

from kerasface.data.augment import Augmentation
from kerasface.data.mixing import mix
from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.protocols import rows_of
from kerasface.training.validation import predict
from recipes.distill_2md_mtl import train
from recipes.distill_2md_mtl.rates import optimizer
from recipes.distill_2md_mtl.runs import write_whole
from recipes.distill_2md_mtl.sets import DOMAINS, load_set, smoke_set
from recipes.distill_2md_mtl.splits import fold_of

HELD = ("fold-0", "fold-1", "fold-2")
# The paper's crop and flip, and with light, turning and rectangles of grey as well.
AUGMENTATIONS = {
    "crop and flip": train.CROP_AND_FLIP,
    "stronger": train.AUGMENTATION,
}
RATES = (0.01, 0.1)
COPIES, SEED = 6, 3
DISTURBANCE = Augmentation(
    flip=0.5, shift=0.12, scale=0.2, rotate=15.0, contrast=0.5, brightness=0.2, grey=0.0, erase=0.0
)
# Side to which half of the copies are shrunk and brought back, and the deviation of the noise.
BLURRED_SIDE, NOISE, GAMMA = 24, 8.0, 0.5


def disturbed(images: np.ndarray, seed: int) -> np.ndarray:
    """Pictures as a worse camera would have taken them, `(rows, height, width, 3)` float 0..255."""
    chance = np.random.default_rng(seed)
    moved, _ = DISTURBANCE(images, {}, (seed, 0))
    small = keras.ops.image.resize(moved, (BLURRED_SIDE, BLURRED_SIDE), antialias=True)
    soft = np.asarray(keras.ops.image.resize(small, images.shape[1:3]))
    blurred = chance.random(len(images)) < 0.5
    found = np.where(blurred[:, None, None, None], soft, np.asarray(moved))
    power = np.exp(chance.uniform(-GAMMA, GAMMA, len(images)))[:, None, None, None]
    found = 255.0 * (found.clip(0, 255) / 255.0) ** power
    # Grey pictures stay grey.
    return (found + chance.normal(0, NOISE, (*images.shape[:3], 1))).clip(0, 255)


def accuracy(network, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of right answers."""
    outputs = predict(network, images)["expression"]
    return float((outputs.argmax(1) == labels).mean())


def measure(
    faces: PreparedSet, augmentation: Augmentation, rate: float, options
) -> dict[str, float]:
    """Trains the baseline's network and tests it on the held-out people."""
    task = DOMAINS["here"].tasks["expression"]
    tests = np.concatenate([rows_of(fold_of(faces, each).test, faces.names) for each in HELD])
    held, trains = faces.take(np.sort(tests)), faces.take(~np.isin(np.arange(len(faces)), tests))
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    spec = {
        "trunk": options.trunk,
        "tasks": [task.get_config()],
        "input": train.INPUT,
        "shared": train.SHARED,
    }
    network = train.build(spec)
    steps = options.epochs * options.steps_per_epoch
    network.compile(optimizer("exponential", rate, steps))
    batches = mix({"ck48": trains}, {"ck48": 128}, (task,), seed=0, augmentation=augmentation)
    network.fit(batches, epochs=1, steps_per_epoch=steps, verbose=0)
    labels = held.labels["expression"]
    copies = [accuracy(network, disturbed(held.images, SEED + i), labels) for i in range(COPIES)]
    return {
        "plain": accuracy(network, held.images, labels),
        "disturbed": float(np.mean(copies)),
        "rows": len(held),
    }


def main(arguments=None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    train.add_options(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/2md-choice"))
    options = train.complete(parser.parse_args(arguments))
    load = smoke_set if options.smoke and options.prepared is None else load_set
    faces = partial(load, options.prepared or Path("runs/2md-prepared"))("ck48")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "choice.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    for name, augmentation in AUGMENTATIONS.items():
        for rate in RATES:
            key = f"{name}, {rate:g}"
            if key not in found:
                found[key] = measure(faces, augmentation, rate, options)
                write_whole(file, found)
            each = found[key]
            print(f"{key}: {each['plain']:.3f}, disturbed {each['disturbed']:.3f}", flush=True)
    return found


if __name__ == "__main__":
    main()
