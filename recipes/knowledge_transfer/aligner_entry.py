"""The zoo entry of the trained aligner: its data, its numbers on MTFL and Helen, its limits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from kerasface.data.template import POINTS
from kerasface.training import load_finished
from kerasface.zoo import publish
from recipes.face_zoo.publish import DATA
from recipes.face_zoo.sets import NAMES
from recipes.knowledge_transfer import measures
from recipes.knowledge_transfer.aligner import UNLABELLED
from recipes.knowledge_transfer.entry_facts import LICENCES, row

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
# As the results name the sets.
TESTS = {"mtfl-test": ("MTFL", "testing.txt"), "w300-test": ("Helen", "testset")}
ONE_CROP = "one crop by a fixed box"


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
        load_finished(options.runs / f"aligner-{options.arm}"),
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
