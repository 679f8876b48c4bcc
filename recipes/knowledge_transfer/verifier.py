"""The published verifier: an embedding of 2.4 million parameters for "the same person or not".

    python -m recipes.knowledge_transfer.verifier --prepared runs/kt-prepared --runs runs/kt \
        --data DATA

Trains on the 1,678 people of CelebA that are seen (20,813 pictures), and on nothing else: a wider
teacher, a small network on labels alone, the student from both of them, the same student from the
teacher alone (`single`), and labels alone on 25 and 50 % of the people. A student learns the
embedding and the soft predictions of its teachers; two together tell unseen people apart better
than either does (`together`), and one alone brought nothing beyond its interval. All by softmax
over the cosines to people's directions with a margin, on faces that were aligned by points.
`--arms teacher` trains one; what is trained is skipped, and a killed run goes on; `--devices` and
`--hosts`: see `recipes/README.md`. Then measures: LFW's own pairs (`pairs_own_dev.txt`), nearest
neighbour among CelebA's unseen people, and what LFW and CelebA share by near-duplicates; writes
`verifier.json`. About three hours on two cores. Expected: 85 % of the pairs or more, the student
above the same one without its teachers.

The people are Wang et al. (2017)'s third task; its triplets are in `verification.py`. The margin is
CosFace's (Wang et al. 2018), the target beside soft predictions the teacher's embedding by cosine.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import keras
import numpy as np

from kerasface.data import Augmentation, mix
from kerasface.models import FaceModel
from kerasface.tasks import Embedding
from kerasface.training import (
    SoftTargets,
    Stage,
    cache_teacher_flips,
    distil,
    join_teachers,
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
from recipes.knowledge_transfer.near_duplicates import found_copies, shared_pictures
from recipes.whole_files import write_whole

INPUT = {"height": 48, "width": 48, "channels": 3}
SIZE = 128
TRUNKS = {"teacher": 44, "student": 28}
# Run: trunk, share of the people, runs that teach it.
ARMS = {
    "teacher": ("teacher", 1.0, ()),
    "alone": ("student", 1.0, ()),
    "student": ("student", 1.0, ("teacher", "alone")),
    "single": ("student", 1.0, ("teacher",)),
    "alone-50": ("student", 0.5, ()),
    "alone-25": ("student", 0.25, ()),
}
IDENTITY = Embedding("identity", SIZE, project=False)
SCALE, MARGIN = 32.0, 0.3
ROWS, RATE, DECAY, DROPOUT = 128, 0.006, 0.05, 0.3
EPOCHS = {"teacher": 26, "student": 36}
# Of the teacher: soft predictions of people, and the embedding's cosine.
TEMPERATURE, SOFT, NEAR = 4.0, 1.0, 5.0
AUGMENTATION = Augmentation(
    flip=0.5, shift=0.05, scale=0.08, rotate=8.0, contrast=0.3, brightness=0.15, grey=0.2, erase=0.4
)
SMOKE_TRUNK = {
    "name": "small_resnet",
    "config": {"widths": [8, SIZE], "blocks": [1, 1], "stem": 8},
}


def spec_of(trunk: str, people: list[str], small: bool) -> dict:
    """The network's description, with the people it is trained on."""
    config = {"width": TRUNKS[trunk], "embedding": SIZE, "flatten": True}
    person = faces.person_task(people, cosine_scale=SCALE, cosine_margin=MARGIN)
    return {
        "trunk": SMOKE_TRUNK if small else {"name": "resnet18", "config": config},
        "tasks": [IDENTITY.get_config(), person.get_config()],
        "input": INPUT,
    }


def train(arm: str, seen, options) -> None:
    """One run, or what is left of it."""
    trunk, share, teachers = ARMS[arm]
    people = faces.some_people(seen.subjects, share)
    spec = spec_of(trunk, people, options.smoke)
    prepared = faces.as_classes(seen, people)
    rows = 8 if options.smoke else ROWS
    epochs = options.epochs or EPOCHS[trunk]
    epoch_steps = options.steps or max(len(prepared) // rows, 1)
    keras.utils.set_random_seed(options.seed)
    layers = training_layers(options.devices)
    with options.devices.scope():
        network = FaceModel.from_spec(spec, **layers, dropout=DROPOUT)
    stage = Stage(
        options.runs / f"verifier-{arm}",
        lambda first: mix(
            {"celeba": prepared},
            {"celeba": rows},
            network.tasks,
            seed=options.seed,
            augmentation=AUGMENTATION,
            first_step=first,
            soft=bool(teachers),
        ),
        lambda: optimizer(RATE, epochs * epoch_steps, DECAY),
        epochs,
        epoch_steps,
        settings={"arm": arm, "rows": rows, "rate": RATE, "decay": DECAY, "seed": options.seed},
        reports=[Progress(epochs)],
        sets={"celeba": prepared},
        rows=rows,
        devices=options.devices,
    )
    if stage.is_finished:
        return
    print(f"verifier, {arm}: {len(prepared)} pictures of {len(people)} people", flush=True)
    if teachers:  # each host asks them: what they say is not kept in a file
        prepared = join_teachers(
            [
                cache_teacher_flips(load_finished(options.runs / f"verifier-{each}"), prepared)
                for each in teachers
            ],
            embeddings=[IDENTITY.name] if len(teachers) > 1 else (),
        )
        terms = [
            SoftTargets(TEMPERATURE, SOFT, tasks=["person"]),
            SoftTargets(weight=NEAR, tasks=[IDENTITY.name]),
        ]
        distil(network, None, terms, stage)
    else:
        pretrain(network, stage)


def measure(options, load, pairs) -> dict:
    """By arm: pairs of LFW, nearest neighbours among unseen people; gains; what sets share."""
    lfw, unseen = load("lfw"), load("celeba-unseen")
    found, searched, sides = {}, None, {}
    for arm, (_, share, _) in ARMS.items():
        folder = options.runs / f"verifier-{arm}"
        if not is_run(folder) or epochs_left(folder):
            continue
        model = load_finished(folder)
        head = model.heads.head("person").count_params()
        vectors = measures.vectors_of(model, lfw.images)
        sides[arm] = vectors, measures.vectors_of(model, unseen.images)
        # The first, so the teacher's where there is one, tells people apart best.
        searched = searched or shared_with_lfw(model, load, lfw, vectors)
        found[arm] = {
            "people": model.task("person").output_size,
            "share": share,
            "parameters": model.count_params() - head,
            **told_apart(sides[arm], lfw, unseen, pairs),
        }
    results = {"arms": found, "shared_with_lfw": searched}
    teachers = ARMS["student"][2]
    if set(teachers) <= set(found):
        # Vectors of unit length, one behind the other: the mean of the teachers' cosines.
        joined = [np.concatenate(each, 1) for each in zip(*map(sides.get, teachers), strict=True)]
        results["together"] = told_apart(joined, lfw, unseen, pairs)
    for name, arm in (("gain_of_distillation", "student"), ("gain_from_one_teacher", "single")):
        if {arm, "alone"} <= set(found):
            one, other = found[arm], found["alone"]
            people = unseen.subjects
            results[name] = {
                "lfw": measures.gap(one["lfw"]["each"], other["lfw"]["each"]),
                "unseen": measures.gap(one["unseen"]["each"], other["unseen"]["each"], people),
            }
    return results


def told_apart(sides, lfw, unseen, pairs) -> dict:
    """By vectors of LFW's faces and of the unseen people's."""
    return {
        "lfw": measures.pair_result(sides[0], lfw.names, pairs),
        "unseen": measures.neighbour_result(sides[1], unseen.subjects),
    }


def shared_with_lfw(model: FaceModel, load, lfw, vectors) -> dict:
    """Training pictures that a network brings near LFW's, and what it finds of known copies."""
    seen, copies = load("celeba-seen"), load("lfw-copies")
    shared = shared_pictures(seen, lfw, measures.vectors_of(model, seen.images), vectors)
    known = found_copies(copies, lfw, measures.vectors_of(model, copies.images), vectors)
    return {**shared, "known": known}


def render(results: dict) -> str:
    """A few lines for people, in percent."""
    lines = []
    for arm, each in results["arms"].items():
        pairs, top = each["lfw"]["accuracy"], each["unseen"]["top1"]
        lines.append(
            f"{arm:9s} {each['people']:5d} people, {each['parameters'] / 1e6:.2f} M: LFW pairs "
            f"{measures.percent(pairs)}, EER {100 * each['lfw']['equal_error']:.1f}, unseen top-1 "
            f"{measures.percent(top)}"
        )
    if together := results.get("together"):
        pairs, top = together["lfw"]["accuracy"], together["unseen"]["top1"]
        both = f"LFW pairs {measures.percent(pairs)}, unseen {measures.percent(top)}"
        lines.append(f"teachers together: {both}")
    for title, name in (
        ("", "gain_of_distillation"),
        (" from one teacher", "gain_from_one_teacher"),
    ):
        for place, gain in results.get(name, {}).items():
            lines.append(f"gain{title}, {place}: {measures.percent(gain)}")
    shared = {name: value for name, value in results["shared_with_lfw"].items() if name != "pairs"}
    return "\n".join([*lines, f"shared with LFW: {shared}"])


def main(arguments=None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prepared", type=Path, default=Path("runs/kt-prepared"))
    parser.add_argument("--runs", type=Path, default=Path("runs/kt"))
    parser.add_argument("--data", type=Path, help="folder of the unpacked sets, for LFW's pairs")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=list(ARMS))
    parser.add_argument("--epochs", type=int, help=f"default {EPOCHS}")
    parser.add_argument("--steps", type=int, help="batches of an epoch, default one pass")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps, synthetic faces")
    add_devices(parser)
    options = parser.parse_args(arguments)
    options.devices = devices_of(options)
    if options.smoke:
        options.epochs, options.steps = 1, 1
    elif options.data is None:
        parser.error("LFW's pairs are in the folder of the sets: --data DATA")
    load = faces.smoke if options.smoke else partial(faces.load, options.prepared)

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    seen = load("celeba-seen")
    for arm in options.arms:
        train(arm, seen, options)
    keras.mixed_precision.set_global_policy("float32")
    pairs = faces.smoke_pairs() if options.smoke else faces.pairs_of(options.data)
    results = options.devices.once(lambda: measure(options, load, pairs))
    if options.devices.chief:
        write_whole(options.runs / "verifier.json", dump_json(results))
        print(render(results))
    return results


if __name__ == "__main__":
    main()
