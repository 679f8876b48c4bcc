"""Makes zoo entries of the general student: itself, and attributes taught to it by `transfer`.

    python -m recipes.general_knowledge.publish general 0.1.0 --prepared runs/gk-prepared \\
        --runs runs/gk
    python -m recipes.general_knowledge.publish attributes 0.1.0 --prepared runs/gk-prepared \\
        --parent general@0.1.0

The first takes the distilled student and `results.json` of `recipes.general_knowledge.tables`; the
second teaches the first smile, glasses and pose from MTFL's pictures of LFW, measured on those of
AFLW, in five minutes. Each version is published once.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from kerasface.apps import transfer
from kerasface.data import PreparedSet
from kerasface.data.template import EYES, MOUTH, POINTS
from kerasface.tasks import Classification
from kerasface.zoo import publish
from kerasface.zoo.locate import CHECKOUT
from recipes.general_knowledge import page, sets, students, targets
from recipes.general_knowledge.options import add_options, parse

HERE = Path(__file__).parent
LICENCES = {
    "code": "Apache-2.0",
    "weights": "Research and other non-commercial use only, as the terms of the training pictures",
}
TERMS = {
    "fer2013": "Kaggle challenge of 2013 (Goodfellow et al.): research use; pictures found by a "
    "search engine, rights with their makers",
    "celeba": "Liu et al. 2015: non-commercial research only",
    "utkface": "Zhang et al. 2017: non-commercial research only",
    "fairface": "Karkkainen and Joo 2021: CC BY 4.0",
    "mtfl": "Zhang et al. 2014: research; pictures from the web",
}
LEARNT = {
    "fer2013": ["expression"],
    "celeba": ["identity", "gender"],
    "utkface": ["age"],
    "fairface": ["race7"],
    "mtfl": ["smile", "glasses", "pose"],
}
CROP = (
    "A square in which the middle of the eyes and the middle of the mouth fall on the template's "
    "places (shares of its side, x to the right and y down), cut by a similarity transform of five "
    "points, or by a fixed central box for each training set; pixels outside the picture mirror "
    "the inside."
)
PAIRS_PROTOCOL = (
    "LFW's own pairs, ten folds of people: frozen embeddings by their angle, the threshold of each "
    "fold chosen on the others; one crop of the whole picture; a face that was not found is wrong"
)


def data_facts(options) -> list[dict]:
    """The sets whose faces the student has seen, and what their sources had learnt."""
    return [
        {
            "name": sets.NAMES[part.partition("-")[0]],
            "labels": LEARNT[part.partition("-")[0]],
            "images": len(options.load(part)),
            "terms": TERMS[part.partition("-")[0]],
            "note": "The student saw the faces without labels; its sources had learnt these.",
        }
        for part in options.unsupervised
    ]


def limits_of(results: dict) -> list[str]:
    """What the embedding knows and what it does not, by the numbers of the tables."""
    lines = ["An embedding, no answers: teach it a task by `kerasface transfer`."]
    seeds = []
    for target, ways in results["targets"].items():
        if {"unique", "unique-tuned", "cnn"} <= set(ways):
            seeds += [len(ways[way]["seeds"]) for way in ("unique-tuned", "cnn")]
            title, measure, _ = page.title_of(target)
            frozen, tuned, scratch = (
                ways[way]["value"] for way in ("unique", "unique-tuned", "cnn")
            )
            lines.append(
                f"{title}, {measure}: {frozen:.1f} frozen, {tuned:.1f} fine-tuned, where the same "
                f"network from scratch has {scratch:.1f}."
            )
    if seeds:
        least, most = min(seeds), max(seeds)
        lines.append(
            f"Trained ways are means over {least if least == most else f'{least} to {most}'} "
            "trainings; intervals and other ways are in `recipes/general_knowledge/RESULTS.md`."
        )
    errors = results["reconstruction"].get("unique", {})
    if errors:
        parts = [f"{name} {each:.2f}" for name, each in errors.items() if name != "average"]
        lines.append(
            "Of its sources' embeddings it keeps all but (error over standard deviation; 1 knows "
            f"nothing): {', '.join(parts)}."
        )
    return lines


def publish_general(options, results: dict) -> Path:
    """The student as it is."""
    found = results["targets"][targets.PAIRS]["unique"]
    pairs = {
        "task": students.KNOWLEDGE,
        "dataset": "LFW",
        "split": targets.PAIRS_FILE,
        "metric": "accuracy",
        "value": found["value"] / 100,
        "ci95": (found["low"] / 100, found["high"] / 100),
        "n": found["rows"],
        "protocol": PAIRS_PROTOCOL,
    }
    return publish(
        students.load_student("unique", options),
        "general",
        options.version,
        description="A general embedding of faces, distilled from six networks' fused embeddings",
        licences=LICENCES,
        data=data_facts(options),
        metrics=[pairs],
        crop=CROP,
        template={"eyes": EYES, "mouth": MOUTH, "points": POINTS},
        resize="bilinear with antialiasing",
        recipe="recipes/general_knowledge/students.py",
        limits=limits_of(results),
        notes={students.KNOWLEDGE: "a vector for other tasks, not an answer about a person"},
        root=options.zoo,
        **({"commit": options.commit} if options.commit else {}),
    )


def publish_attributes(options) -> Path:
    """Smile, glasses and pose, taught to the published student."""
    training = {"epochs": 1, "head_epochs": 1, "images": 40} if options.smoke else {"epochs": 10}
    faces = options.load("mtfl-target")
    taught = transfer(
        options.parent,
        sets.ATTRIBUTES,
        faces,
        options.load("mtfl-test"),
        **training,
    )
    for task, measures in taught.scores.items():
        print(f"{task}: accuracy {measures['accuracy']['value']:.3f}, {taught.seconds:.0f} s")
    return taught.publish(
        "attributes",
        options.version,
        terms=TERMS["mtfl"] + "; of LFW",
        recipe="recipes/general_knowledge/publish.py",
        limits=[
            "It was taught on pictures of LFW: scores on LFW would be of seen faces.",
            *(seen_of(task, faces) for task in sets.ATTRIBUTES),
        ],
        root=options.zoo,
        **({"commit": options.commit} if options.commit else {}),
    )


def seen_of(task: Classification, faces: PreparedSet) -> str:
    """How often each class was seen: what is rare is missed."""
    labels = faces.labels[task.name][faces.masks[task.name]]
    counts = np.bincount(labels, minlength=len(task.classes)).tolist()
    parts = [f"{each} {many:,}" for each, many in zip(task.classes, counts, strict=True)]
    return f"{task.name} was taught by so many faces, rare classes are missed: {', '.join(parts)}."


def main(arguments=None) -> Path:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=("general", "attributes"))
    parser.add_argument("version")
    add_options(parser)
    parser.add_argument("--results", type=Path, default=HERE / "results.json")
    parser.add_argument("--parent", default="general", help="the general entry, or its folder")
    parser.add_argument("--zoo", type=Path, default=CHECKOUT, help="default: of this checkout")
    parser.add_argument("--commit", help="of the code, default that of the checkout")
    options = parse(parser, arguments)
    if options.name == "general":
        if not options.results.exists():
            parser.error(f"{options.results} is not there: run recipes.general_knowledge.tables")
        entry = publish_general(options, json.loads(options.results.read_text()))
    else:
        entry = publish_attributes(options)
    print(entry)
    return entry


if __name__ == "__main__":
    main()
