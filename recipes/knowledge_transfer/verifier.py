"""The published verifier: an embedding of 2.4 million parameters for "the same person or not".

    python -m recipes.knowledge_transfer.verifier --prepared runs/kt-prepared --runs runs/kt \
        --data DATA

Trains on the 1,678 people of CelebA that are seen (20,813 pictures), and on nothing else: a wider
teacher, the student from its embedding and its soft predictions, the same student on labels alone,
and that again on 25 and 50 % of the people. All by softmax over the cosines to people's directions
with a margin, on faces that were aligned by points. `--arms teacher` trains one; what is trained is
skipped, and a killed run goes on; `--devices` and `--hosts`: see `recipes/README.md`. Then
measures: LFW's own pairs (`pairs_own_dev.txt`), nearest neighbour among CelebA's unseen people, and
what LFW and CelebA share by near-duplicates; writes `verifier.json`. About two hours on two cores.
Expected: 85 % of the pairs or more, the student above the same one without its teacher.

The people are Wang et al. (2017)'s third task; its triplets are in `verification.py`. The margin is
CosFace's (Wang et al. 2018), the target beside soft predictions the teacher's embedding by cosine.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import keras

from kerasface.data import Augmentation, mix
from kerasface.models import FaceModel
from kerasface.tasks import Embedding
from kerasface.training import (
    SoftTargets,
    Stage,
    cache_teacher_flips,
    distil,
    load_trained,
    pretrain,
    training_normalization,
)
from kerasface.training.devices import add_devices, devices_of
from kerasface.training.progress import Progress
from kerasface.zoo.schema import dump_json
from recipes.face_zoo.train import optimizer
from recipes.knowledge_transfer import faces, measures
from recipes.knowledge_transfer.near_duplicates import found_copies, shared_pictures

INPUT = {"height": 48, "width": 48, "channels": 3}
SIZE = 128
TRUNKS = {"teacher": 44, "student": 28}
# Run: trunk, share of the people, whether it has a teacher.
ARMS = {
    "teacher": ("teacher", 1.0, False),
    "student": ("student", 1.0, True),
    "alone": ("student", 1.0, False),
    "alone-50": ("student", 0.5, False),
    "alone-25": ("student", 0.25, False),
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
    trunk, share, taught = ARMS[arm]
    people = faces.some_people(seen.subjects, share)
    spec = spec_of(trunk, people, options.smoke)
    prepared = faces.as_classes(seen, people)
    rows = 8 if options.smoke else ROWS
    epochs = options.epochs or EPOCHS[trunk]
    epoch_steps = options.steps or max(len(prepared) // rows, 1)
    keras.utils.set_random_seed(options.seed)
    normalization = training_normalization(options.devices)
    with options.devices.scope():
        network = FaceModel.from_spec(spec, normalization=normalization, dropout=DROPOUT)
    stage = Stage(
        options.runs / f"verifier-{arm}",
        lambda first: mix(
            {"celeba": prepared},
            {"celeba": rows},
            network.tasks,
            seed=options.seed,
            augmentation=AUGMENTATION,
            first_step=first,
            soft=taught,
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
    if taught:  # each host asks the teacher: what it says is not kept in a file
        teacher = load_trained(options.runs / "verifier-teacher")
        prepared = cache_teacher_flips(teacher, prepared)
        terms = [
            SoftTargets(TEMPERATURE, SOFT, tasks=["person"]),
            SoftTargets(weight=NEAR, tasks=[IDENTITY.name]),
        ]
        distil(network, None, terms, stage)
    else:
        pretrain(network, stage)


def measure(options, load, pairs) -> dict:
    """By arm: pairs of LFW, nearest neighbours among unseen people; the gain; what sets share."""
    lfw, unseen = load("lfw"), load("celeba-unseen")
    found, searched = {}, None
    for arm, (_, share, _) in ARMS.items():
        folder = options.runs / f"verifier-{arm}"
        if not (folder / "state.json").exists():
            continue
        model = load_trained(folder)
        head = model.heads.head("person").count_params()
        vectors = measures.vectors_of(model, lfw.images)
        # The first, so the teacher's where there is one, tells people apart best.
        searched = searched or shared_with_lfw(model, load, lfw, vectors)
        found[arm] = {
            "people": model.task("person").output_size,
            "share": share,
            "parameters": model.count_params() - head,
            "lfw": measures.pair_result(vectors, lfw.names, pairs),
            "unseen": measures.neighbour_result(
                measures.vectors_of(model, unseen.images), unseen.subjects
            ),
        }
    results = {"arms": found, "shared_with_lfw": searched}
    if {"student", "alone"} <= set(found):
        one, other = found["student"], found["alone"]
        results["gain_of_distillation"] = {
            "lfw": measures.gap(one["lfw"]["each"], other["lfw"]["each"]),
            "unseen": measures.gap(one["unseen"]["each"], other["unseen"]["each"], unseen.subjects),
        }
    return results


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
            f"{_percent(pairs)}, EER {100 * each['lfw']['equal_error']:.1f}, unseen top-1 "
            f"{_percent(top)}"
        )
    for name, gain in results.get("gain_of_distillation", {}).items():
        lines.append(f"gain, {name}: {_percent(gain)}")
    shared = {name: value for name, value in results["shared_with_lfw"].items() if name != "pairs"}
    return "\n".join([*lines, f"shared with LFW: {shared}"])


def _percent(number: dict) -> str:
    return "{value:.1f} ({low:.1f} to {high:.1f})".format(
        **{name: 100 * each for name, each in number.items()}
    )


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
        (options.runs / "verifier.json").write_bytes(dump_json(results))
        print(render(results))
    return results


if __name__ == "__main__":
    main()
