"""The last steps of a training, on pictures as they will come: no distortion, a low rate.

Warped pictures are softer than plain ones, so a network that saw only those takes plain ones for
older people: student and teacher were 2.3 and 1.3 years too high on average on UTKFace's
validation part. A short second training on plain crops (mirrored and grey as before) takes that
away.

    python -m recipes.face_zoo.settle runs/teacher
    python -m recipes.face_zoo.settle runs/student --teacher runs/teacher-settled

goes on from a finished run with its own losses and batches into `RUN-settled`, which `evaluate`,
`compare` and `publish` take as any run. It can be stopped and goes on with the same command.
`--smoke` is for a run that was made with `--smoke`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import keras

from kerasface.data.augment import Augmentation
from kerasface.data.mixing import mix
from kerasface.training.devices import add_devices, devices_of
from kerasface.training.distiller import Distiller
from kerasface.training.epoch_fitting import fit_epochs
from kerasface.training.known_data import check_data
from kerasface.training.run_state import RunState
from kerasface.training.tensorboard import TensorBoardReport
from kerasface.training.trained_run import load_finished
from kerasface.training.validation import ValidationRound
from recipes.face_zoo.sets import TASKS, load_sets, smoke_sets
from recipes.face_zoo.train import HARD, INPUT, SOFT, TEMPERATURE, build, optimizer, teach

EPOCHS = 4
# A tenth of the training's highest rate, from there down to nothing.
RATE = 0.0006
PLAIN = Augmentation(
    shift=0.0, scale=0.0, rotate=0.0, contrast=0.0, brightness=0.0, grey=0.5, erase=0.0
)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder of a finished run")
    parser.add_argument("--prepared", type=Path, default=Path("runs/prepared"))
    parser.add_argument("--run", type=Path, help="the new folder, default SOURCE-settled")
    parser.add_argument("--teacher", help="a run's folder, default the one that SOURCE had")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--smoke", action="store_true", help="synthetic faces")
    add_devices(parser)
    options = parser.parse_args(arguments)
    devices = devices_of(options)
    run = options.run or options.source.with_name(f"{options.source.name}-settled")
    before = json.loads((options.source / "config.json").read_text())["config"]
    # What a comparison holds equal between runs stays that of the training; this one's is beside.
    config = {
        **before,
        "teacher": options.teacher or before["teacher"],
        "settled": {
            "epochs": options.epochs,
            "rate": options.rate,
            "augmentation": asdict(PLAIN),
            "trained_epochs": before["epochs"],
        },
        "epochs": options.epochs,
    }
    keras.utils.set_random_seed(before["seed"])
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    state = RunState(run, config, writes=devices.chief)

    load = smoke_sets if options.smoke else partial(load_sets, options.prepared)
    train, validation = load("train"), load("validation")
    check_data(run, {"train": train, "validation": validation}, TASKS, writes=devices.chief)
    distil = config["teacher"] != "none"
    if distil:
        train = teach(Path(config["teacher"]), train)
    weights = load_finished(options.source).get_weights()
    epoch_steps, rows = before["steps_per_epoch"], sum(before["per_batch"].values())

    def batches(first_step: int):
        return mix(
            train,
            before["per_batch"],
            TASKS,
            seed=before["seed"] + 1,  # other rows than the training began with
            augmentation=replace(PLAIN, size=INPUT["height"]),
            first_step=first_step,
            soft=distil,
        )

    with devices.scope():
        model = network = build(before["spec"], devices)
        network.set_weights(weights)
        if distil:
            model = Distiller(network, hard=HARD, soft=SOFT, temperature=TEMPERATURE)
        model.compile(optimizer(options.rate, options.epochs * epoch_steps, before["decay"]))
        first = state.restore(model)
        if first >= options.epochs:
            return
        checks = ValidationRound(validation, every=options.epochs, grey=True, devices=devices)
        report = TensorBoardReport(
            run / "events", checks, config=config, batch_size=rows, epochs=options.epochs
        )
        fit_epochs(
            model,
            batches,
            rows,
            run,
            first=first,
            epochs=options.epochs,
            steps_per_epoch=epoch_steps,
            devices=devices,
            reports=[checks, state, report],
            verbose=2,
        )


if __name__ == "__main__":
    main()
