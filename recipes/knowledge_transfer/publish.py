"""Makes zoo entries of the trained aligner and verifier.

    python -m recipes.knowledge_transfer.publish aligner 1.0.0 --runs runs/kt
    python -m recipes.knowledge_transfer.publish verifier 1.0.0 --runs runs/kt \\
        --prepared runs/kt-prepared --data DATA

takes the student's weights and what `aligner.json` and `verifier.json` say of it; of the verifier
also measures its thresholds on CelebA's unseen people and, with the newest published aligner, LFW's
pairs as an app compares them (`as_used.py`); and publishes the embedding without the people it was
trained on. Each version is published once. A minute, and five for the verifier.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np

from kerasface import zoo
from kerasface.data.template import POINTS
from kerasface.evaluation.drawing import new_figure, png_of
from kerasface.inference.face_verifier import (
    DEFAULT_FAR,
    FaceVerifier,
    threshold_metric,
    thresholds_of_entry,
)
from kerasface.models import FaceModel
from kerasface.training import load_trained, transfer_weights
from kerasface.zoo import publish
from kerasface.zoo.locate import CHECKOUT
from recipes.face_zoo.publish import DATA
from recipes.face_zoo.sets import NAMES
from recipes.knowledge_transfer import faces, measures
from recipes.knowledge_transfer.aligner import UNLABELLED
from recipes.knowledge_transfer.as_used import told_apart_as_used
from recipes.knowledge_transfer.near_duplicates import NEAR
from recipes.knowledge_transfer.thresholds import thresholds
from recipes.knowledge_transfer.verifier import IDENTITY

LICENCES = {
    "code": "Apache-2.0",
    "weights": "Research and other non-commercial use only, as the terms of the training pictures",
}
POINT_DATA = (
    {
        "name": "MTFL, the part net_7876",
        "labels": ["landmarks5"],
        "images": 4611,
        "terms": "Zhang et al. 2014: research only",
        "note": "Its pictures of LFW (lfw_5590) were left out.",
    },
    {
        "name": "Helen and AFW as 300-W annotated them",
        "labels": ["landmarks68"],
        "images": 940,
        "terms": "Sagonas et al. 2013: non-commercial research only",
    },
)
# Of the aligner's student: as `recipes.face_zoo` names them, their labels unused.
UNLABELLED_DATA = tuple(
    {
        "name": source["name"],
        "labels": [],
        "images": source["images"],
        "terms": source["terms"],
        "note": "Without labels: what the teacher says of their points was learned.",
    }
    for source in DATA
    if source["name"] in {NAMES[name] for name in UNLABELLED}
)
PEOPLE_DATA = {
    "name": "CelebA",
    "labels": ["identity"],
    "images": 20813,
    "terms": "Liu et al. 2015: non-commercial research only",
}
# As the results name the sets.
TESTS = {"mtfl-test": ("MTFL", "testing.txt"), "w300-test": ("Helen", "testset")}
ONE_CROP = "one crop by a fixed box"
BOTH_SIDES = "mean of both sides; faces aligned by five points of the aligner's teacher"


def row(task: str, place: tuple[str, str], metric: str, number: dict, n: int, how: str) -> dict:
    """One measured number as `publish` takes it."""
    ci95 = (min(number["low"], number["value"]), max(number["high"], number["value"]))
    where = {"task": task, "dataset": place[0], "split": place[1], "metric": metric}
    return {**where, "value": number["value"], "ci95": ci95, "n": n, "protocol": how}


def publish_aligner(version: str, options) -> Path:
    """The student, or the network named by `--arm`."""
    results = json.loads((options.runs / "aligner.json").read_text())
    found = results["arms"][options.arm]
    rows = []
    for name, place in TESTS.items():
        for task, each in found[name].items():
            failed = measures.with_interval(np.array(each["each"]) > 0.1)
            how = f"{ONE_CROP}; shares of the distance of the eyes"
            n = each["faces"]
            rows += [
                row(task, place, "mean error of the points", each["nme"], n, how),
                row(task, place, "root of mean squared error", each["nrmse"], n, how),
                row(task, place, "faces with an error above 10 %", failed, n, how),
            ]
    gained = [
        f"{name}: {100 * gain['value']:.2f} points of the distance of the eyes "
        f"({100 * gain['low']:.2f} to {100 * gain['high']:.2f})"
        for name, gain in results.get("gain_of_distillation", {}).items()
    ]
    limits = ["Faces turned by more than some 60 degrees are rare among the training pictures."]
    if gained:
        limits.append(f"What the teacher brought, by the same faces: {'; '.join(gained)}.")
    return publish(
        load_trained(options.runs / f"aligner-{options.arm}"),
        "aligner",
        version,
        description="Five and 68 points of a face of 48 x 48 pixels, taught by a wider network",
        licences=LICENCES,
        data=POINT_DATA + (UNLABELLED_DATA if options.arm == "student" else ()),
        metrics=rows,
        crop="A square in which an upright face's five points are about the template's (shares of "
        "its side, x to the right and y down): a detector's box will do, its points are better.",
        template={"points": POINTS},
        resize="bilinear with antialiasing",
        recipe="recipes/knowledge_transfer/aligner.py",
        limits=limits + options.limit,
        root=options.zoo,
    )


def publish_verifier(version: str, options) -> Path:
    """The student's embedding."""
    results = json.loads((options.runs / "verifier.json").read_text())
    found = results["arms"][options.arm]
    whole = load_trained(options.runs / f"verifier-{options.arm}")
    model = FaceModel.from_spec({**whole.get_spec(), "tasks": [IDENTITY.get_config()]})
    transfer_weights(whole, model)
    load = faces.smoke if options.smoke else partial(faces.load, options.prepared)
    unseen = load("celeba-unseen")
    vectors = measures.vectors_of(model, unseen.images)
    name, lfw, strangers = IDENTITY.name, ("LFW", "pairs_own_dev.txt"), ("CelebA", "unseen people")
    pairs = found["lfw"]
    top = found["unseen"]["top1"]
    rows = [
        row(name, lfw, "accuracy", pairs["accuracy"], pairs["pairs"], f"10 folds; {BOTH_SIDES}"),
        row(name, strangers, "nearest neighbour", top, len(unseen), BOTH_SIDES),
    ]
    for each in thresholds(vectors, unseen.subjects):
        how = f"squared distance; accepts {100 * each['tar']:.1f} % of pairs of one person"
        metric = threshold_metric(each["far"])
        rows.append(row(name, strangers, metric, each, each["pairs"], f"{how}; {BOTH_SIDES}"))
    limits = [
        "Trained on 1,678 people of CelebA, who are celebrities: young, made up, well lit. Other "
        "people are told apart less well, some groups less than others; no group was measured.",
        "Thresholds are of CelebA's unseen people. Measure your own before you rely on one.",
        "Faces must be aligned by the aligner; by a detector's box alone they are told apart less.",
    ]
    shared, copies = results["shared_with_lfw"], results["shared_with_lfw"]["known"]
    limits.append(
        f"Pictures that CelebA may share with LFW: of {copies['copies']} known copies of LFW's "
        f"pictures the teacher's embedding brings {100 * copies['near']:.0f} % to a cosine of "
        f"{NEAR} or more; of {shared['pictures']} training pictures, {shared['near']} (highest "
        f"{shared['highest']:.2f})."
    )
    for what, name in (
        ("two teachers", "gain_of_distillation"),
        ("one teacher instead", "gain_from_one_teacher"),
    ):
        for place, gain in results.get(name, {}).items():
            limits.append(
                f"What {what} brought on {place}: {100 * gain['value']:.1f} points "
                f"({100 * gain['low']:.1f} to {100 * gain['high']:.1f})."
            )
    with tempfile.TemporaryDirectory() as folder:
        figure = Path(folder) / "people.png"
        figure.write_bytes(people_curve(results))
        make = partial(
            publish,
            model,
            "verifier",
            version,
            description="Embedding of a face of 48 x 48 pixels for: the same person or not",
            licences=LICENCES,
            data=[PEOPLE_DATA],
            crop="A square on which the five points that the aligner finds, in two looks, are "
            "turned and scaled onto the template's (shares of its side, x to the right, y down).",
            template={"points": faces.TIGHT},
            resize="bilinear with antialiasing",
            recipe="recipes/knowledge_transfer/verifier.py",
            limits=limits + options.limit,
            notes={name: "a vector that is near for one person; not a way to find out who it is"},
            figures={figure: "LFW's pairs by the share of people trained on"},
        )
        # What an app does is done by an entry, so there is one before the one that says it.
        draft = zoo.load(make(metrics=rows, root=Path(folder)))
        return make(metrics=rows + rows_as_used(draft, options), root=options.zoo)


def rows_as_used(draft: FaceModel, options) -> list[dict]:
    """Pairs of LFW through `FaceVerifier`, at its own rate where the card has it."""
    aligner = zoo.load("aligner")
    name, lfw = IDENTITY.name, ("LFW", "pairs_own_dev.txt")
    rates = sorted(thresholds_of_entry(draft.manifest, name))
    far = DEFAULT_FAR if DEFAULT_FAR in rates else rates[0]
    verifier = FaceVerifier(draft, aligner=aligner, far=far)
    if options.smoke:
        shown = faces.smoke("lfw")
        pictures, pairs = dict(zip(shown.names, shown.images, strict=True)), faces.smoke_pairs()
        picture = pictures.__getitem__
    else:
        pairs = faces.pairs_of(options.data)
        folder = options.data / "lfw"
        picture = folder.__truediv__
    found = told_apart_as_used(verifier, picture, pairs)
    used = (
        f"as `kerasface verify` compares them, {aligner.manifest.name}@{aligner.manifest.version}"
    )
    counts, at = found["pairs"], f"at the threshold of FAR {far:g} on CelebA; {used}"
    return [
        row(name, lfw, "accuracy as used", found["accuracy"], counts["all"], f"10 folds; {used}"),
        row(name, lfw, "accepted of one person", found["accepted"]["one"], counts["one"], at),
        row(name, lfw, "accepted of two people", found["accepted"]["two"], counts["two"], at),
    ]


def people_curve(results: dict) -> bytes:
    """LFW's pairs by the number of people, of students without and with a teacher, as a PNG."""
    figure, axis = new_figure(5.0, 3.5)
    alone = [each for arm, each in results["arms"].items() if arm.startswith("alone")]
    for label, arms in (
        ("labels alone", sorted(alone, key=lambda each: each["people"])),
        ("distilled", [results["arms"]["student"]]),
    ):
        people = [each["people"] for each in arms]
        numbers = [each["lfw"]["accuracy"] for each in arms]
        values = 100 * np.array([number["value"] for number in numbers])
        ends = [[100 * (number[end]) for number in numbers] for end in ("low", "high")]
        axis.errorbar(
            people, values, np.abs(np.array(ends) - values), marker="o", capsize=3, label=label
        )
    axis.set_xlabel("people")
    axis.set_ylabel("pairs told right, in %")
    axis.grid(alpha=0.3)
    axis.legend()
    return png_of(figure)


def main(arguments=None) -> Path:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=("aligner", "verifier"))
    parser.add_argument("version")
    parser.add_argument("--runs", type=Path, default=Path("runs/kt"))
    parser.add_argument("--prepared", type=Path, default=Path("runs/kt-prepared"))
    parser.add_argument("--data", type=Path, help="folder of the unpacked sets, for LFW's pairs")
    parser.add_argument("--arm", default="student", help="which network (default: %(default)s)")
    parser.add_argument(
        "--limit", action="append", default=[], help="one more of the card's limits, as a sentence"
    )
    parser.add_argument("--zoo", type=Path, default=CHECKOUT, help="default: of this checkout")
    parser.add_argument("--smoke", action="store_true", help="of a smoke run")
    options = parser.parse_args(arguments)
    if options.name == "verifier" and options.data is None and not options.smoke:
        parser.error("LFW's pairs are in the folder of the sets: --data DATA")
    keras.mixed_precision.set_global_policy("float32")
    make = {"aligner": publish_aligner, "verifier": publish_verifier}[options.name]
    entry = make(options.version, options)
    print(entry)
    return entry


if __name__ == "__main__":
    main()
