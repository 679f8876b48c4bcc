"""One run of Distill-2MD-MTL: one method on one split under one seed, trained and tested.

    python -m recipes.distill_2md_mtl.sets  --data DATA --out runs/2md-prepared       # once
    python -m recipes.distill_2md_mtl.train da-2md-mtl --split fold-3
    python -m recipes.distill_2md_mtl.train distill-da-2md-mtl --split across --seed 1

`fold-0` to `fold-9` are CK+'s ten folds by subject; `across` trains on all of CK+ (without
contempt) and tests on FER2013. A method with a teacher trains that one first where it is not
there. Four to six minutes a run on a core (45,000 faces), labelling among them; a killed run goes
on with the same command. `recipes.distill_2md_mtl.table` runs them all. `--paper` has the paper's
VGG-16 and 200 epochs instead, for a GPU; `--sets paper` its data sets; `--devices` and `--hosts`:
see `recipes/README.md`. TensorBoard: `tensorboard --logdir runs`. Folds can be tested once more by
`kerasface evaluate runs/2md/fold-*/2md-mtl-s0 --protocol ck48_10fold --data DATA`.
"""

from __future__ import annotations

import argparse
import gc
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

import keras
import numpy as np

from kerasface.data.augment import Augmentation
from kerasface.data.mixing import mix
from kerasface.data.prepared import PreparedSet
from kerasface.models import FaceModel
from kerasface.tasks import Domain, Task
from kerasface.training.balancing import BalancedModel
from kerasface.training.devices import Devices, add_devices, devices_of
from kerasface.training.domain_probe import DomainProbe
from kerasface.training.epoch_fitting import fit_epochs
from kerasface.training.known_data import check_data, check_labels
from kerasface.training.run_state import RunState
from kerasface.training.strength_schedule import StrengthSchedule
from kerasface.training.task_affinity import TaskAffinity
from kerasface.training.tensorboard import TensorBoardReport
from kerasface.training.trunk_layers import training_layers
from kerasface.training.validation import ValidationRound
from recipes.distill_2md_mtl.answers import answer
from recipes.distill_2md_mtl.balancing import ALPHA, alpha_of, balances, balancing_of
from recipes.distill_2md_mtl.label_noise import spoilt
from recipes.distill_2md_mtl.methods import ADVERSARIES, METHODS, Method
from recipes.distill_2md_mtl.rates import PAPER_UPDATE, UPDATE, UPDATES, optimizer, rate_callbacks
from recipes.distill_2md_mtl.runs import METRICS, Run, Stopwatch, method_of, sibling
from recipes.distill_2md_mtl.sets import DOMAINS, load_set, smoke_set
from recipes.distill_2md_mtl.splits import ACROSS, SPLITS, stated, testing_sets, training_sets
from recipes.distill_2md_mtl.teacher_labels import pseudo_labelled
from recipes.whole_files import write_json

# An epoch is so many batches. The paper does not say what its epoch is over three sets.
EPOCHS, STEPS_PER_EPOCH = 10, 35
# The paper's "random sampling and horizontal flipping". Across data sets that is little:
# `choose.py` compares it with what is used here, on held-out people of CK+ alone.
CROP_AND_FLIP = Augmentation(
    flip=0.5, shift=0.08, scale=0.1, rotate=0.0, contrast=0.0, brightness=0.0, grey=0.0, erase=0.0
)
AUGMENTATION = Augmentation(
    flip=0.5, shift=0.1, scale=0.2, rotate=15.0, contrast=0.5, brightness=0.2, grey=0.0, erase=0.25
)
SHARED = 256
# By `choose.py`, where 0.3 is worse than 0.03 and 0.1; those two differ by less than two trials of
# one setting, of which the first had 0.1 ahead.
STRENGTH = 0.1
# Pictures of each set that a teacher labels. A student sees 11,200 rows of each, so these more than
# twice.
LABELLED = 4000
# On which the gradients' cosines are measured, where they are asked for.
COSINE_BATCHES = 2
# Rounds of validation in a run, for its learning curves, and most rows of a set in them.
ROUNDS, SHOWN = 5, 1000
# Rows of each set from whose features a fresh probe tells the set, in those rounds.
PROBED = 300
TRUNK = {"name": "small_resnet", "config": {}}
PAPER_TRUNK, PAPER_EPOCHS = {"name": "vgg16", "config": {"width": 1.0}}, 200
SMOKE_TRUNK = {"name": "small_resnet", "config": {"widths": [8, 8, 8], "stem": 8}}
SMOKE_PAPER_TRUNK = {"name": "vgg16", "config": {"width": 0.0625}}
# Momentum of the moving averages of mean and variance: some ten batches. A run has 350, of which
# the usual 0.99 would still remember the first hundred.
AVERAGES = 0.9
INPUT = {"height": 48, "width": 48, "channels": 3}


def build(spec: dict, devices: Devices | None = None) -> FaceModel:
    """The network in its training form."""
    return FaceModel.from_spec(spec, **training_layers(devices, momentum=AVERAGES))


def train(method: Method, run: Path, options) -> None:
    """Trains and tests one run, or what is left of it."""
    stopwatch, devices = Stopwatch(), options.devices
    keras.utils.set_random_seed(options.seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    sets = training_sets(options.load, options.split, options.domains)
    domains = tuple(each.domain for each in sets.values())
    tasks = [options.domains.tasks[name] for name in method.tasks]
    if method.teacher:
        teacher = sibling(run, method.teacher)
        sets = pseudo_labelled(sets, teacher, tasks, options.labelled, method, devices)
    sets = {name: sets[name] for name in method.sets}
    sets = spoilt(sets, tasks, method)
    if method.adversary:
        tasks.append(Domain("domain", domains, STRENGTH, **ADVERSARIES[method.adversary]))
    several = balances(method)
    steps = options.epochs * options.steps_per_epoch
    config = {
        "method": asdict(method),
        **stated(options.split, options.domains),
        "seed": options.seed,
        "epochs": options.epochs,
        "steps_per_epoch": options.steps_per_epoch,
        "per_batch": {each.domain: method.per_batch[name] for name, each in sets.items()},
        "rate": options.rate,
        "update": options.update,
        "averages": AVERAGES,
        "balancing": method.balancing if several else None,
        "alpha": alpha_of(method),
        "augmentation": asdict(AUGMENTATION),
        "labelled": options.labelled,
        "spec": {
            "trunk": options.trunk,
            "tasks": [task.get_config() for task in tasks],
            "input": INPUT,
            "shared": SHARED,
        },
    }
    tests = testing_sets(options.load, options.split, options.domains, options.asked)
    with devices.scope():
        network = build(config["spec"], devices)
        model = BalancedModel(network, balancing_of(method)) if several else network
        model.compile(optimizer(method.rate, options.rate, steps, options.update))
        keep = {**rate_callbacks(method.rate, options.rate, steps), "stopwatch": stopwatch}
        state = RunState(run, config, keep=keep, writes=devices.chief)
        first = state.restore(model)
        if first < options.epochs:
            _fit(method, run, model, state, first, sets, tests, options)

    def finish() -> None:
        with devices.alone(network) as asked:
            results = answer(asked, tests, options.split, run)
        write_json(run / METRICS, {"wall_seconds": stopwatch.seconds, "results": results})

    devices.once(finish)


def _fit(method: Method, run: Path, model, state: RunState, first: int, sets, tests, options):
    """The epochs that are left."""
    devices, network, tasks = options.devices, model.network(), model.network().tasks
    check_data(run, {"train": sets}, tasks, writes=devices.chief)
    every = max(options.epochs // ROUNDS, 1)
    shown = _shown(tests, tasks, options.domains.across)
    check_labels(shown, tasks)

    def batches(first_step):
        return mix(
            sets,
            method.per_batch,
            tasks,
            seed=options.seed,
            augmentation=AUGMENTATION,
            first_step=first_step,
        )

    callbacks = [each for each in state.keep.values() if isinstance(each, keras.callbacks.Callback)]
    if method.adversary:
        steps = options.epochs * options.steps_per_epoch
        callbacks.append(StrengthSchedule(network.heads.head("domain"), steps, "dann"))
    reports = []
    # On another backend than TensorFlow nothing measures them.
    if method_of(run) in options.cosines and keras.backend.backend() == "tensorflow":
        reports.append(TaskAffinity(batches(0).take(COSINE_BATCHES)))
    if balances(method):
        # Of rows that train: FairFace has no others here, and CK+ none across domains.
        seen = {each.domain: each for each in sets.values()}
        reports.append(DomainProbe(seen, network, every=every, rows=PROBED, devices=devices))
    checks = [ValidationRound(shown, every=every, devices=devices)] if shown else []
    rows = sum(method.per_batch.values())
    report = TensorBoardReport(
        run / "events",
        *checks,
        tasks=tasks,
        config=state.config,
        batch_size=rows,
        epochs=options.epochs,
        hparams=False,  # the table has a row for it
    )
    fit_epochs(
        model,
        batches,
        rows,
        run,
        first=first,
        epochs=options.epochs,
        steps_per_epoch=options.steps_per_epoch,
        devices=devices,
        callbacks=callbacks,
        reports=[*reports, *checks, state, report],
    )


def _shown(tests: dict[str, PreparedSet], tasks: list[Task], across: str) -> dict:
    """By data set those with a label for a task, but not FER2013.

    It has other classes, and its pictures are looked at only when all is done.
    """
    names = {task.name for task in tasks}
    return {
        prepared.domain: prepared.take(_some(len(prepared)))
        for protocol, prepared in tests.items()
        if protocol != across and names & set(prepared.labels)
    }


def _some(rows: int) -> np.ndarray:
    """Places of the rows that are shown, in order."""
    return np.sort(np.random.default_rng(1).permutation(rows)[:SHOWN])


def run_one(name: str, options, methods: dict[str, Method] = METHODS) -> Path:
    """Trains a method, its teacher before it; what is finished is left alone."""
    run = Run(name, options.split, options.seed).folder(options.runs)
    if options.devices.once((run / METRICS).exists):
        return run
    method = methods[name]
    if method.teacher:
        run_one(method.teacher, options, methods)
    train(method, run, options)
    # Many runs share a process: the graphs and pictures of this one are not to stay in it.
    keras.backend.clear_session()
    gc.collect()
    return run


def add_options(parser: argparse.ArgumentParser, runs: Path = Path("runs/2md")) -> None:
    """What a run and the tables share."""
    parser.add_argument(
        "--prepared", type=Path, help="files of `sets`, default runs/2md-prepared; drawn in --smoke"
    )
    parser.add_argument("--runs", type=Path, help=f"default {runs}, or beside it in --smoke")
    parser.add_argument("--sets", choices=DOMAINS, default="here", help="this table's, the paper's")
    parser.add_argument("--update", choices=UPDATES, help=f"default {UPDATE}, of --paper momentum")
    parser.add_argument("--rate", type=float, help="highest learning rate, default by --update")
    parser.add_argument("--paper", action="store_true", help="VGG-16 and 200 epochs")
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps, synthetic faces")
    add_devices(parser)
    parser.set_defaults(default_runs=runs)


def check_rows(names, options, methods: dict[str, Method] = METHODS) -> None:
    """Sees that the batches of methods and their teachers can be dealt to the devices.

    Raises:
        ValueError: they cannot.
    """
    names = {*names, *(methods[name].teacher for name in names)} - {None}
    options.devices.check_rows(*{sum(methods[name].per_batch.values()) for name in names})


def complete(options):
    """The options with what follows from them."""
    options.devices = devices_of(options)
    options.trunk, options.epochs, options.cosines, options.asked = TRUNK, EPOCHS, (), None
    options.steps_per_epoch, options.labelled = STEPS_PER_EPOCH, LABELLED
    options.augmentation, options.averages = asdict(AUGMENTATION), AVERAGES
    options.strength, options.alpha = STRENGTH, ALPHA
    options.domains, other = DOMAINS[options.sets], options.sets != "here"
    if options.paper:
        options.trunk, options.epochs = PAPER_TRUNK, PAPER_EPOCHS
    options.update = options.update or (PAPER_UPDATE if options.paper else UPDATE)
    options.rate = UPDATES[options.update] if options.rate is None else options.rate
    if options.smoke:
        options.trunk = SMOKE_PAPER_TRUNK if options.paper else SMOKE_TRUNK
        options.epochs, options.steps_per_epoch, options.labelled = 2, 2, 20
    # Runs of other settings would not go on in one folder.
    kind = ("-vgg16" * options.paper) + ("-paper-sets" * other) + ("-smoke" * options.smoke)
    options.special = bool(kind)
    usual = options.default_runs
    options.runs = options.runs or usual.with_name(usual.name + kind)
    load = smoke_set if options.smoke and options.prepared is None else load_set
    folder = options.prepared or Path("runs/2md-prepared")
    options.load = cache(lambda file: load(folder, file))
    return options


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--split", choices=SPLITS, default=ACROSS)
    parser.add_argument("--seed", type=int, default=0)
    add_options(parser)
    options = complete(parser.parse_args(arguments))
    check_rows([options.method], options)
    run = run_one(options.method, options)
    if not options.devices.chief:
        return
    for name, result in json.loads((run / METRICS).read_text())["results"].items():
        head = result["headline"]
        print(f"{name}: {head['value']:.4f} ({head['low']:.4f} to {head['high']:.4f})")


if __name__ == "__main__":
    main()
