"""What a domain adversary takes out of the features and what it costs: UTKFace against CK+, grey.

The claim of Distill-2MD-MTL (2019), section 3.1, that with the adversary "the discriminator's head
is not able to distinguish between datasets", measured with a probe that was not part of the game:
a fresh linear classifier on the frozen features of held-out rows. A network learns gender from
UTKFace, with CK+'s unlabelled pictures beside it; from there it goes on three times for as many
steps: without an adversary, against a softmax discriminator (DANN, Ganin et al. 2016) and against
the paper's triplet discriminator. All pictures are grey, or their colour alone would tell the sets
apart. The same is done once more with age and CK+'s expressions trained too: those differ so much
between the sets that what tells an age or an expression tells the set.

    python -m recipes.face_zoo.sets            --data DATA        # once: runs/prepared
    python -m recipes.controls.adversary_probe --data DATA

DATA holds `CK+48/`. CK+ rows of three of ten folds of subjects and UTKFace's validation part are
held out. Three seeds see 460,000 faces in all (some 12 minutes on 2 cores for both sets of tasks);
a killed run goes on with the same command, finished ones are skipped. Writes a folder a run, then
`adversary.json` and `ADVERSARY.md`. TensorBoard: `tensorboard --logdir runs/adversary_probe`.

Settings were chosen on CK+ people and UTKFace rows that are neither trained on nor reported here,
under one seed and in 120 to 160 steps: without an adversary the probe read 79 % and gender was at
82.1 %; against the triplets 62 % and 81.9 % (at strength 1 gender 81.6 %, at 3 it is 80.2 %);
against the softmax 80 % and 80.2 %. With age and expression trained too and the whole network at
one rate nothing took more than 5 points, and what took any cost gender more than 1.

Expected, with gender alone: the triplet adversary costs the probe at least 10 points of balanced
accuracy while gender stays within 1 point of the network without one; ADVERSARY.md says whether it
does. `--smoke` runs on synthetic faces in seconds and shows nothing but that it runs. `--devices`
and `--hosts`: see `recipes/README.md`; on TensorFlow each device compares triplets of its own rows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from kerasface.data.augment import Augmentation
from kerasface.data.mixing import mix
from kerasface.evaluation.linear_probe import probe_domains
from kerasface.models import FaceModel
from kerasface.tasks import Domain, Task
from kerasface.training.devices import add_devices, devices_of
from kerasface.training.domain_probe import DomainProbe
from kerasface.training.epoch_fitting import fit_epochs
from kerasface.training.known_data import check_data
from kerasface.training.progress import say
from kerasface.training.routed_optimizer import RoutedOptimizer
from kerasface.training.run_state import RunState
from kerasface.training.strength_schedule import StrengthSchedule
from kerasface.training.tensorboard import TensorBoardReport
from kerasface.training.trunk_layers import training_layers
from kerasface.training.validation import ValidationRound
from recipes.controls.adversary_page import COLUMNS, NONE, render, summary
from recipes.controls.adversary_sets import GENDER, SETS, TASKS, real_sets, smoke_sets
from recipes.whole_files import write_json

HERE = Path(__file__).parent
TRAINED = {"gender": (GENDER,), "gender, age and expression": TASKS}
# A feature of small variance counts as much for a probe as a large one, so the discriminator sees
# them normalised. All triplets count: semi-hard ones are soon none, and then nothing is reversed.
# The triplet head has no hidden layer: what is to be taken from the features is what a linear
# probe reads.
ADVERSARIES = {
    "softmax": {"adversary": "softmax", "hidden": [64]},
    "triplet": {"adversary": "triplet", "hidden": [], "size": 32, "mining": "all"},
}
VARIANTS = (NONE, *ADVERSARIES)
START = "start"
PER_BATCH = {"utkface": 64, "ck48": 32}
STEPS_PER_EPOCH = 40
# Epochs of the common start, and of what goes on from it.
EPOCHS = {START: 8, **dict.fromkeys(VARIANTS, 4)}
# Momentum for the start. Then Adam, at three rates: the discriminator has to be near its best for
# its reversed gradient to be worth something; the shared layer, 32 numbers of which each counts,
# does most of the hiding; the trunk follows slowly, or it loses gender before the discriminator has
# settled. The strength rises over a third of the steps.
RATE, DECAY = 0.05, 5e-4
TRUNK_RATE, SHARED_RATE, HEAD_RATE, HEAD_BETA, RAMP = 1e-4, 2e-3, 5e-3, 0.5, 0.3
STRENGTH = 0.5
# Of the moving averages: some ten steps, since features change until the end.
MOMENTUM = 0.9
AUGMENTATION = Augmentation(
    shift=0.06, scale=0.06, rotate=5.0, contrast=0.15, brightness=0.05, grey=0.0, erase=0.0
)
TRUNK = {"name": "small_resnet", "config": {"widths": [32, 64, 96], "blocks": [1, 1, 1]}}
SMOKE_TRUNK = {"name": "small_resnet", "config": {"widths": [8], "blocks": [1], "stem": 4}}
SMOKE_EPOCHS, SMOKE_STEPS = 2, 2
# Units of the shared layer, whose output the heads, the discriminator and the probe read.
SHARED = 32
INPUT = {"height": 48, "width": 48, "channels": 3}
ROWS = 2400  # of a set in the probe, at most


def optimizer(variant: str, tasks: Sequence[Task], steps: int) -> keras.optimizers.Optimizer:
    """Momentum for the start, then Adam: the trunk, the tasks' part and the adversary apart."""
    if variant == START:
        warmup = max(steps // 20, 1)
        rate = keras.optimizers.schedules.CosineDecay(
            RATE / 20, steps - warmup, warmup_target=RATE, warmup_steps=warmup
        )
        made = keras.optimizers.SGD(
            rate, momentum=0.9, nesterov=True, weight_decay=DECAY, global_clipnorm=5.0
        )
        made.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        return made

    def adam(peak):
        rate = keras.optimizers.schedules.CosineDecay(peak, steps, 0.01)
        return keras.optimizers.AdamW(rate, weight_decay=1e-4)

    heads = [f"{task.name}_head" for task in tasks]
    routes = {name: adam(SHARED_RATE) for name in ("shared", *heads)}
    if variant in ADVERSARIES:
        routes["domain_head"] = keras.optimizers.Adam(HEAD_RATE, beta_1=HEAD_BETA)
    return RoutedOptimizer(adam(TRUNK_RATE), routes)


def train(run: Path, variant: str, named: str, seed: int, sets, options) -> FaceModel:
    """One run to its end, from where it stands; those that go on begin where the start ended."""
    epochs = SMOKE_EPOCHS if options.smoke else EPOCHS[variant]
    steps = SMOKE_STEPS if options.smoke else STEPS_PER_EPOCH
    per_batch = {n: rows // 8 for n, rows in PER_BATCH.items()} if options.smoke else PER_BATCH
    tasks = TRAINED[named]
    if variant in ADVERSARIES:
        tasks = (*tasks, Domain("domain", SETS, STRENGTH, normalize=True, **ADVERSARIES[variant]))
    spec = {
        "trunk": SMOKE_TRUNK if options.smoke else TRUNK,
        "tasks": [task.get_config() for task in tasks],
        "input": INPUT,
        "shared": SHARED,
    }
    config = {
        "variant": variant,
        "seed": seed,
        "spec": spec,
        "per_batch": per_batch,
        "epochs": epochs,
        "steps_per_epoch": steps,
        "rates": [RATE, DECAY, TRUNK_RATE, SHARED_RATE, HEAD_RATE, HEAD_BETA, RAMP, MOMENTUM],
        "augmentation": asdict(AUGMENTATION),
    }
    keras.utils.set_random_seed(seed)
    devices = options.devices
    layers = training_layers(devices, momentum=MOMENTUM)
    state = RunState(run, config, writes=devices.chief)
    with devices.scope():
        model = FaceModel.from_spec(spec, **layers)
        model.compile(optimizer(variant, TRAINED[named], epochs * steps))
        first = state.restore(model)
    if first == epochs:
        return model
    if first == 0 and variant != START:
        start = train(run.with_name(f"{START}-{seed}"), START, named, seed, sets, options)
        model.trunk.set_weights(start.trunk.get_weights())
        model.shared.set_weights(start.shared.get_weights())
        for task in TRAINED[named]:
            head = start.heads.head(task.name)
            model.heads.head(task.name).set_weights(head.get_weights())
    train_sets, test_sets = sets
    parts = {"train": train_sets, "validation": test_sets}
    check_data(run, parts, tasks, writes=devices.chief)
    checks = ValidationRound(test_sets, tasks=TRAINED[named], every=epochs, devices=devices)
    probe = DomainProbe(
        test_sets,
        model=model,
        every=max(epochs // 4, 1),
        rows=ROWS,
        projector=run / "events",
        devices=devices,
    )
    ramp = []
    if variant in ADVERSARIES:
        head = model.heads.head("domain")
        ramp = [StrengthSchedule(head, int(RAMP * epochs * steps) or 1, "linear")]
    rows = sum(per_batch.values())
    report = TensorBoardReport(
        run / "events", checks, config=config, batch_size=rows, epochs=epochs
    )

    def batches(first_step: int):
        return mix(
            train_sets, per_batch, tasks, seed, augmentation=AUGMENTATION, first_step=first_step
        )

    with devices.scope():
        fit_epochs(
            model,
            batches,
            rows,
            run,
            first=first,
            epochs=epochs,
            steps_per_epoch=steps,
            devices=devices,
            callbacks=ramp,
            reports=[checks, probe, state, report],
        )
    return model


def measure(run: Path, variant: str, named: str, seed: int, sets, options) -> dict:
    """The figures of a run, trained first where it is not finished."""
    done, devices = run / "metrics.json", options.devices
    found = devices.once(lambda: json.loads(done.read_text()) if done.exists() else None)
    if found is not None:
        return found
    model = train(run, variant, named, seed, sets, options)

    def ask() -> dict:
        with devices.alone(model) as asked:
            found = figures_of(run, asked, variant, named, seed, sets)
        write_json(done, found)
        return found

    found = devices.once(ask)
    keras.backend.clear_session()
    return found


def figures_of(run: Path, model: FaceModel, variant: str, named: str, seed: int, sets) -> dict:
    """What a finished run is measured by."""
    _, test_sets = sets
    probed = DomainProbe(test_sets, model=model, rows=ROWS).measure()
    results = ValidationRound(test_sets, tasks=TRAINED[named]).measure(model)
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    before = {name: trunk_features(model, each.images) for name, each in test_sets.items()}
    people = {name: each.subjects for name, each in test_sets.items()}
    return {
        "variant": variant,
        "tasks_named": named,
        "seed": seed,
        "probe": probed.balanced_accuracy,
        "recalls": probed.recalls,
        "probed": probed.rows,
        "probe_before": probe_domains(before, people).balanced_accuracy,
        "active_share": history[-1].get("domain_active_share"),
        "tasks": {
            title: results[name][task][measured]
            for title, (name, task, measured) in COLUMNS.items()
            if task in results[name]
        },
    }


def trunk_features(model: FaceModel, images: np.ndarray) -> np.ndarray:
    """`(rows, dim)` float32 of what the shared layer is given."""
    parts = [
        keras.ops.cast(model.trunk_features(images[place : place + 256]), "float32")
        for place in range(0, len(images), 256)
    ]
    return np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that holds CK+48")
    parser.add_argument("--prepared", type=Path, default=Path("runs/prepared"))
    parser.add_argument("--runs", type=Path, default=Path("runs/adversary_probe"))
    parser.add_argument("--out", type=Path, help="of the page; default beside this file")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--tasks", nargs="+", choices=TRAINED, default=list(TRAINED))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps, synthetic faces")
    add_devices(parser)
    options = parser.parse_args(arguments)
    options.devices = devices_of(options)
    if options.data is None and not options.smoke:
        parser.error("--data is needed, or --smoke")

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    sets = smoke_sets() if options.smoke else real_sets(options.data, options.prepared)
    runs = []
    for named in options.tasks:
        folder = options.runs / named.replace(", ", "-").replace(" ", "-")
        for seed in options.seeds:
            for variant in options.variants:
                run = folder / f"{variant}-{seed}"
                runs.append(measure(run, variant, named, seed, sets, options))
                say(f"{run}: probe {runs[-1]['probe']:.3f}, {runs[-1]['tasks']}")
    results = summary(runs)
    if not options.devices.chief:
        return
    # What a smoke run finds is no result.
    out = options.out or (options.runs if options.smoke else HERE)
    write_json(out / "adversary.json", results)
    (out / "ADVERSARY.md").write_text(render(results))
    print(render(results))


if __name__ == "__main__":
    main()
