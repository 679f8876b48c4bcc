"""Makes a zoo entry of a finished and evaluated run.

    python -m recipes.face_zoo.publish runs/student student 1.0.0

takes the weights, `metrics.json` of `recipes.face_zoo.evaluate` (temperatures included), and what
is stated here of data and licences; writes `zoo/<name>/<version>/` with its card, and for the
student the files for other runtimes: int8 is calibrated on training faces, and what it costs is
measured on the validation parts (some minutes). Each version is published once.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kerasface.data.template import EYES, MOUTH, POINTS
from kerasface.training.trained_run import load_finished
from kerasface.zoo import publish
from kerasface.zoo.exporting import EXPORTS
from kerasface.zoo.locate import CHECKOUT
from recipes.face_zoo.exports import PREPARED, export_arguments
from recipes.face_zoo.train import faces_seen

LICENCES = {
    "code": "Apache-2.0",
    "weights": "Research and other non-commercial use only, as the terms of the training pictures",
}
DATA = (
    {
        "name": "FER2013",
        "labels": ["expression"],
        "images": 27765,
        "terms": "Kaggle challenge of 2013 (Goodfellow et al.): research use; pictures found by a "
        "search engine, rights with their makers",
        "note": "About two thirds agreement between people. Left out of training: 351 copies of "
        "validation pictures and 593 near-duplicates of PrivateTest.",
    },
    {
        "name": "UTKFace",
        "labels": ["age", "gender", "race"],
        "images": 16159,
        "terms": "Zhang et al. 2017: non-commercial research only",
        "note": "Ages are estimates; 162 near-duplicates of validation pictures were left out.",
    },
    {
        "name": "FairFace",
        "labels": ["age_group", "gender", "race7"],
        "images": 11283,
        "terms": "Karkkainen and Joo 2021: CC BY 4.0",
    },
    {
        "name": "CelebA",
        "labels": ["gender"],
        "images": 20813,
        "terms": "Liu et al. 2015: non-commercial research only",
        "note": "Only gender was used; people with a tenth of the identities were held out.",
    },
)
DESCRIPTIONS = {
    "teacher": "VGG-16 of half width for 48 x 48 faces: six tasks from four partly labelled sets",
    "student": "Small residual network for 48 x 48 faces: six tasks in one pass",
}
CROP = (
    "A square in which the middle of the eyes and the middle of the mouth fall on the template's "
    "places (shares of its side, x to the right and y down), cut by a similarity transform of five "
    "points, or by a fixed central box for each training set; pixels outside the picture mirror "
    "the inside."
)
NOTES = (
    "ECE is the expected calibration error of the predicted class in 15 bins. Coverage is the "
    "share of faces whose labelled age lies in the range that is shown, which claims to hold 80 %.",
)
# The teacher labels pictures for students, in Keras; only the student is made for apps.
EXPORTS_OF = {"teacher": (), "student": EXPORTS}


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name", choices=DESCRIPTIONS)
    parser.add_argument("version")
    parser.add_argument("--teacher", help="the entry of its teacher, such as teacher@1.0.0")
    parser.add_argument("--prepared", type=Path, default=PREPARED, help="for files of int8")
    parser.add_argument(
        "--exports", nargs="*", help=f"default for the student: {' '.join(EXPORTS)}"
    )
    parser.add_argument("--zoo", type=Path, default=CHECKOUT, help="default: of this checkout")
    options = parser.parse_args(arguments)
    scores = json.loads((options.run / "metrics.json").read_text())
    if "temperatures" not in scores:
        parser.error(f"{options.run} was evaluated without temperatures: run evaluate again")
    exports = EXPORTS_OF[options.name] if options.exports is None else options.exports
    config = json.loads((options.run / "config.json").read_text())["config"]
    images = faces_seen(config)
    taught = "trained without a teacher"
    if config["teacher"] != "none":
        taught = f"distilled from {options.teacher or 'a larger network'}"
    settled = ", the last of them plain crops" if config.get("settled") else ""
    limits = [
        f"Trained for {images / 1e6:.2f} million faces{settled}, in mixed bfloat16 on two "
        "processor cores: little for a network of its size."
    ]
    entry = publish(
        load_finished(options.run),
        options.name,
        options.version,
        description=f"{DESCRIPTIONS[options.name]}; {taught}",
        licences=LICENCES,
        data=DATA,
        metrics=scores["metrics"],
        per_group=scores["per_group"],
        reliability=scores["reliability"],
        reliability_notes=NOTES,
        temperatures=scores["temperatures"],
        crop=CROP,
        template={"eyes": EYES, "mouth": MOUTH, "points": POINTS},
        resize="bilinear with antialiasing",
        recipe="recipes/face_zoo/train.py",
        limits=limits,
        figures={
            path: path.stem.replace("_", " ")
            for path in sorted((options.run / "figures").iterdir())
        },
        root=options.zoo,
        **(export_arguments(options.prepared, exports) if exports else {}),
    )
    print(entry)


if __name__ == "__main__":
    main()
