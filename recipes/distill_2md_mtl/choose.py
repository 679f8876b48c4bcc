"""What the paper leaves open about the runs, chosen by people of CK+ who do not train.

    python -m recipes.distill_2md_mtl.choose --prepared runs/2md-prepared

The baseline and 2MD-MTL train on seven of CK+'s ten folds by subject, the latter beside UTKFace and
FairFace, and answer the people of the other three, as their pictures are, and disturbed: turned,
moved, dimmed, blurred, noisy. Across data sets it is the disturbed ones that count; of FER2013
nothing is looked at. Tried are update, rate and augmentation, the strength of the adversary of
DA-2MD-MTL, and GradNorm's alpha. Writes `choice.json` beside this file, or below `--out`; what is
there is not trained again. Three to six minutes a trial on a core.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from kerasface.data.augment import Augmentation
from kerasface.data.mixing import mix
from kerasface.data.prepared import PreparedSet
from kerasface.evaluation.protocols import rows_of
from kerasface.tasks import Domain
from kerasface.training.balancing import BalancedModel
from kerasface.training.strength_schedule import StrengthSchedule
from kerasface.training.validation import predict
from recipes.distill_2md_mtl import train
from recipes.distill_2md_mtl.balancing import ALPHA, balances, balancing_of
from recipes.distill_2md_mtl.methods import ADVERSARIES, METHODS
from recipes.distill_2md_mtl.rates import UPDATES, optimizer
from recipes.distill_2md_mtl.splits import fold_of, training_sets
from recipes.whole_files import write_json

HERE = Path(__file__).parent
CHOSEN_BY = ("baseline", "2md-mtl")
HELD = ("fold-0", "fold-1", "fold-2")
# The paper's crop and flip, and with light, turning and rectangles of grey as well.
AUGMENTATIONS = {
    "crop and flip": train.CROP_AND_FLIP,
    "stronger": train.AUGMENTATION,
}


class Trial(NamedTuple):
    """One network that is trained and tested; what is not given is as in the table's runs."""

    method: str
    update: str = "muon"
    rate: float = UPDATES["muon"]
    augmentation: str = "stronger"
    strength: float | None = None
    alpha: float | None = None

    @property
    def name(self) -> str:
        """In the results."""
        text = f"{self.method}, {self.update} {self.rate:g}, {self.augmentation}"
        more = {"strength": self.strength, "alpha": self.alpha}
        return text + "".join(f", {key} {each:g}" for key, each in more.items() if each is not None)


SETTINGS = (
    ("muon", 0.01, "stronger"),
    ("momentum", 0.1, "stronger"),
    ("muon", 0.01, "crop and flip"),
    ("momentum", 0.1, "crop and flip"),
    ("muon", 0.02, "stronger"),
    ("momentum", 0.01, "crop and flip"),
)
# GradNorm's usual one, under which update, rate and augmentation were chosen.
USUAL_ALPHA = 1.5
TRIALS = {
    "settings": [
        Trial(name, *setting, alpha=USUAL_ALPHA if balances(METHODS[name]) else None)
        for setting in SETTINGS
        for name in CHOSEN_BY
    ],
    "balancing": [Trial("2md-mtl", alpha=alpha) for alpha in (0.0, 0.5)],
    "adversary": [Trial("da-2md-mtl", strength=each, alpha=ALPHA) for each in (0.03, 0.1, 0.3)],
}
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


def divided(options) -> tuple[dict[str, PreparedSet], PreparedSet]:
    """The three sets that train, without the held-out people, and these."""
    faces = options.load("ck48")
    tests = np.concatenate([rows_of(fold_of(faces, each).test, faces.names) for each in HELD])
    sets = training_sets(options.load, HELD[0], options.domains)
    sets["expression"] = faces.take(~np.isin(np.arange(len(faces)), tests))
    return sets, faces.take(np.sort(tests))


def measure(trial: Trial, options) -> dict[str, float]:
    """Trains a method's network and tests it on the held-out people."""
    method = METHODS[trial.method]
    sets, held = divided(options)
    sets = {each: sets[each] for each in method.sets}
    tasks = [options.domains.tasks[each] for each in method.tasks]
    if method.adversary:
        domains = tuple(each.domain for each in sets.values())
        about = ADVERSARIES[method.adversary]
        tasks.append(Domain("domain", domains, trial.strength, **about))
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    spec = {
        "trunk": options.trunk,
        "tasks": [task.get_config() for task in tasks],
        "input": train.INPUT,
        "shared": train.SHARED,
    }
    network = train.build(spec)
    model = network
    if balances(method):
        alpha = ALPHA if trial.alpha is None else trial.alpha
        model = BalancedModel(network, balancing_of(method, alpha))
    steps = options.epochs * options.steps_per_epoch
    model.compile(optimizer(method.rate, trial.rate, steps, trial.update))
    grows = []
    if method.adversary:
        grows.append(StrengthSchedule(network.heads.head("domain"), steps, "dann"))
    model.fit(
        mix(sets, method.per_batch, tasks, seed=0, augmentation=AUGMENTATIONS[trial.augmentation]),
        epochs=1,
        steps_per_epoch=steps,
        callbacks=grows,
        verbose=0,
    )
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
    parser.add_argument("--out", type=Path, help="default: beside this file, of --smoke the runs")
    parser.add_argument("--only", nargs="*", choices=TRIALS, default=list(TRIALS))
    options = train.complete(parser.parse_args(arguments))
    options.out = options.out or (options.runs if options.special else HERE)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "choice.json"

    def known() -> dict:  # read each time: another process may have added to it
        return json.loads(file.read_text()) if file.exists() else {}

    for trial in (each for name in options.only for each in TRIALS[name]):
        if trial.name not in known():
            measured = measure(trial, options)
            write_json(file, known() | {trial.name: measured})
        each = known()[trial.name]
        print(f"{trial.name}: {each['plain']:.3f}, disturbed {each['disturbed']:.3f}", flush=True)
    return known()


if __name__ == "__main__":
    main()
