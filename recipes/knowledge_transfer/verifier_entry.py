"""The zoo entry of the trained verifier: its numbers, thresholds, and what an app gets of it."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from kerasface import zoo
from kerasface.evaluation.drawing import new_figure, png_of
from kerasface.inference.face_verifier import (
    DEFAULT_FAR,
    FaceVerifier,
    threshold_metric,
    thresholds_of_entry,
)
from kerasface.models import FaceModel
from kerasface.training import load_finished, transfer_weights
from kerasface.zoo import publish
from recipes.knowledge_transfer import faces, measures
from recipes.knowledge_transfer.as_used import told_apart_as_used
from recipes.knowledge_transfer.entry_facts import LICENCES, row
from recipes.knowledge_transfer.near_duplicates import NEAR
from recipes.knowledge_transfer.thresholds import thresholds
from recipes.knowledge_transfer.verifier import IDENTITY

PEOPLE_DATA = {
    "name": "CelebA",
    "labels": ["identity"],
    "images": 20813,
    "terms": "Liu et al. 2015: non-commercial research only",
}
BOTH_SIDES = "mean of both sides; faces aligned by five points of the aligner's teacher"


def publish_verifier(version: str, options) -> Path:
    """The student's embedding."""
    results = json.loads((options.runs / "verifier.json").read_text())
    found = results["arms"][options.arm]
    whole = load_finished(options.runs / f"verifier-{options.arm}")
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
