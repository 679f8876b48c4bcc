"""The published aligner: five and 68 points, a small network taught by one of four times its width.

    python -m recipes.knowledge_transfer.faces points --data DATA --out runs/kt-prepared   # once
    python -m recipes.knowledge_transfer.aligner --prepared runs/kt-prepared --runs runs/kt \
        --faces runs/prepared

Trains four networks on MTFL's pictures from the web and on Helen and AFW: a teacher on the labels,
the student on the labels and on what the teacher says of every picture as it is shown (so of 68
points on MTFL's too) and of as many faces again that have no points (`recipes.face_zoo.sets`), the
same student taught on the labelled pictures only, and on labels alone. `lfw_5590` is left out, so
that faces of LFW may be aligned by it. About an hour on two cores; goes on where it was killed;
`--devices` and `--hosts`: see `recipes/README.md`. Then measures them on MTFL's `testing.txt` and
Helen's testset and writes `aligner.json`. Expected: a mean error on MTFL below 7 % of the distance
of the eyes, and less with the teacher than without.

Differs from Wang et al. (2017), section 4.2.1: the errors are absolute and not squared, the
teacher's points are the target and not its hidden layer (that comparison is `alignment.py`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import keras

from kerasface.data import Augmentation, mix
from kerasface.models import FaceModel
from kerasface.training import (
    SoftTargets,
    Stage,
    distil,
    load_finished,
    pretrain,
    training_layers,
)
from kerasface.training.devices import add_devices, devices_of
from kerasface.training.progress import Progress
from kerasface.training.trained_run import epochs_left, is_run
from kerasface.zoo.schema import dump_json
from recipes.face_zoo.train import optimizer
from recipes.knowledge_transfer import faces, measures
from recipes.whole_files import write_whole

INPUT = {"height": 48, "width": 48, "channels": 3}
TRUNKS = {
    "teacher": {"widths": [48, 96, 160, 224], "blocks": [2, 2, 2, 2], "stem": 48},
    "student": {"widths": [32, 64, 112, 160], "blocks": [1, 1, 1, 1], "stem": 32},
}
SMOKE_TRUNK = {"widths": [8, 8], "blocks": [1, 1], "stem": 8}
# Run and the trunk it trains; `labelled` has a teacher and no further faces, `alone` neither.
ARMS = {"teacher": "teacher", "student": "student", "labelled": "student", "alone": "student"}
TAUGHT = ("student", "labelled")
PER_BATCH = {"mtfl": 48, "w300": 16}
# Faces without points, beside the others in each of the student's batches.
UNLABELLED = {"celeba": 24, "fairface": 24, "utkface": 16}
EPOCHS, STEPS, RATE, DECAY = 60, 96, 0.006, 0.05
# The teacher's points beside the labels.
SOFT = 1.0
AUGMENTATION = Augmentation(
    flip=0.5,
    shift=0.06,
    scale=0.12,
    rotate=15.0,
    contrast=0.3,
    brightness=0.15,
    grey=0.3,
    erase=0.2,
)
TESTS = {"mtfl-test": ("landmarks5",), "w300-test": ("landmarks68", "landmarks5")}


def spec_of(trunk: str, small: bool) -> dict:
    """The network's description."""
    config = SMOKE_TRUNK if small else TRUNKS[trunk]
    return {
        "trunk": {"name": "small_resnet", "config": {**config, "flatten": True}},
        "tasks": [task.get_config() for task in faces.POINT_TASKS],
        "input": INPUT,
    }


def unlabelled_sets(options) -> dict:
    """The training faces of `recipes.face_zoo.sets`; what they are labelled with is not used."""
    if options.smoke:
        return {name: faces.smoke("celeba-seen") for name in UNLABELLED}
    return {name: faces.load(options.faces, f"{name}-train") for name in UNLABELLED}


def train(arm: str, sets: dict, options) -> None:
    """One of the three, or what is left of it."""
    folder = options.runs / f"aligner-{arm}"
    keras.utils.set_random_seed(options.seed)
    per_batch = {"mtfl": 6, "w300": 2} if options.smoke else PER_BATCH
    if arm == "student":
        more = {name: 2 for name in UNLABELLED} if options.smoke else UNLABELLED
        per_batch = {**per_batch, **more}
        sets = {**sets, **unlabelled_sets(options)}

    def batches(first: int):
        return mix(
            sets,
            per_batch,
            faces.POINT_TASKS,
            seed=options.seed,
            augmentation=AUGMENTATION,
            first_step=first,
        )

    steps = options.epochs * options.steps
    stage = Stage(
        folder,
        batches,
        lambda: optimizer(RATE, steps, DECAY),
        options.epochs,
        options.steps,
        settings={"arm": arm, "per_batch": per_batch, "rate": RATE, "seed": options.seed},
        reports=[Progress(options.epochs)],
        sets={name: sets[name] for name in per_batch},
        rows=sum(per_batch.values()),
        devices=options.devices,
    )
    if stage.is_finished:
        return
    print(f"aligner, {arm}", flush=True)
    with options.devices.scope():
        network = FaceModel.from_spec(
            spec_of(ARMS[arm], options.smoke),
            **training_layers(options.devices),
        )
        # Asked in each step, so where the student trains.
        teacher = load_finished(options.runs / "aligner-teacher") if arm in TAUGHT else None
    if teacher is None:
        pretrain(network, stage)
    else:
        distil(network, teacher, [SoftTargets(weight=SOFT)], stage)


def measure(options, load) -> dict:
    """By trained arm, set and task: errors with intervals; and what a taught student gains."""
    found = {}
    for arm in ARMS:
        folder = options.runs / f"aligner-{arm}"
        if not is_run(folder) or epochs_left(folder):
            continue
        model = load_finished(folder)
        found[arm] = {"parameters": model.count_params()}
        for name, tasks in TESTS.items():
            test = load(name)
            found[arm][name] = {task: measures.point_result(model, test, task) for task in tasks}
    results = {"arms": found}
    if {"student", "alone"} <= set(found):
        results["gain_of_distillation"] = gains(found["alone"], found["student"])
    if {"student", "labelled"} <= set(found):
        results["gain_of_unlabelled"] = gains(found["labelled"], found["student"])
    return results


def gains(worse: dict, better: dict) -> dict:
    """By set and task, how much lower the mean error of the second is, on the same faces."""
    return {
        f"{name} {task}": measures.gap(worse[name][task]["each"], better[name][task]["each"])
        for name, tasks in TESTS.items()
        for task in tasks
    }


def render(results: dict) -> str:
    """A few lines for people, in percent of the distance of the eyes."""
    lines = []
    for arm, found in results["arms"].items():
        cells = [f"{arm:8s} {found['parameters'] / 1e6:.2f} M"]
        for name, tasks in TESTS.items():
            for task in tasks:
                each = found[name][task]
                nme = {key: 100 * value for key, value in each["nme"].items()}
                cells.append(
                    f"{name} {task}: {nme['value']:.2f} ({nme['low']:.2f} to {nme['high']:.2f}), "
                    f"failures {100 * each['failures']:.1f} %"
                )
        lines.append("; ".join(cells))
    for kind in ("distillation", "unlabelled"):
        for name, gain in results.get(f"gain_of_{kind}", {}).items():
            low, high = 100 * gain["low"], 100 * gain["high"]
            gained = f"{100 * gain['value']:.2f} ({low:.2f} to {high:.2f})"
            lines.append(f"gain of {kind}, {name}: {gained}")
    return "\n".join(lines)


def main(arguments=None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prepared", type=Path, default=Path("runs/kt-prepared"))
    parser.add_argument("--runs", type=Path, default=Path("runs/kt"))
    parser.add_argument(
        "--faces",
        type=Path,
        default=Path("runs/prepared"),
        help="faces without points, of recipes.face_zoo.sets (default: %(default)s)",
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--steps", type=int, default=STEPS, help="batches of an epoch")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps, synthetic faces")
    add_devices(parser)
    options = parser.parse_args(arguments)
    options.devices = devices_of(options)
    if options.smoke:
        options.epochs, options.steps = 1, 1

    def load(name):
        return faces.smoke(name) if options.smoke else faces.load(options.prepared, name)

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    sets = {"mtfl": faces.without_lfw(load("mtfl-train")), "w300": load("w300-train")}
    for arm in options.arms:
        train(arm, sets, options)
    keras.mixed_precision.set_global_policy("float32")
    results = options.devices.once(lambda: measure(options, load))
    if options.devices.chief:
        write_whole(options.runs / "aligner.json", dump_json(results))
        print(render(results))
    return results


if __name__ == "__main__":
    main()
