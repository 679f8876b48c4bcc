"""Measures where eyes and mouths fall in each data set's pictures, for the common crop.

    python recipes/face_zoo/measure_template.py --data DATA > template.json

DATA is the folder that holds the unpacked sets (`fer2013`, `UTKFace`, `fairface`, `CelebA`,
`CK+48`, `lfw`). A sample of each set is enlarged inside a margin (a detector finds no face that
fills the picture), MTCNN is run on it, and the mean positions of the middle of the eyes and of the
middle of the mouth are printed as fractions of the picture's width and height, as JSON. LFW's
points are read from its own `mtcnn_keypoints.csv`. `kerasface/data/template.py` holds the template
chosen from these figures; `box_to_template` there turns a row of them into a crop box. Needs the
`detect` extra; the default 300 pictures a set take three minutes on 2 cores.
"""

import argparse
import csv
import json
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from kerasface.data.template import EYES, MOUTH, box_to_template

PATTERNS = {
    "fer2013": "fer2013/train/*/*.jpg",
    "utkface": "UTKFace/*.jpg",
    "fairface": "fairface/train/*.jpg",
    "celeba": "CelebA/img_face/*.jpg",
    "ck48": "CK+48/*/*.png",
}
LFW_POINTS = "lfw/mtcnn_keypoints.csv"
ENLARGED = 192  # pixels of the picture's shorter side as the detector sees it
MARGIN = 0.4  # of the picture's side, on each side


def find_points(detector, path):
    """Five points and the box's corners of the most certain face, (7, 2) fractions, or `None`."""
    picture = Image.open(path).convert("RGB")
    width, height = picture.size
    scale = ENLARGED / min(width, height)
    large = picture.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    border = round(MARGIN * ENLARGED)
    mean_colour = tuple(int(c) for c in np.asarray(picture).mean(axis=(0, 1)))
    faces = detector.detect_faces(np.asarray(ImageOps.expand(large, border, mean_colour))) or []
    faces = [face for face in faces if face["confidence"] >= 0.9]
    if not faces:
        return None
    keys = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    face = max(faces, key=lambda face: face["confidence"])
    x, y, width, height = face["box"]
    rows = [face["keypoints"][key] for key in keys] + [(x, y), (x + width, y + height)]
    return (np.array(rows, float) - border) / large.size


def lfw_points(path):
    """The same for every LFW picture from the set's own file; its pictures have 90 x 90 pixels."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = [list(row.values())[2:16] for row in csv.DictReader(file)]
    rows = np.array([row for row in rows if all(row)], float)
    corners = np.concatenate([rows[:, 0:2], rows[:, 0:2] + rows[:, 2:4]], axis=1)
    return np.concatenate([rows[:, 4:], corners], axis=1).reshape(-1, 7, 2) / 90.0


def summary(points, tried, aspect):
    """Where things fall in a set's pictures, and the box that meets the template."""
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:5].mean(axis=1)
    row = {"pictures": tried, "found": len(points)}
    for name, values in (("eyes", eyes), ("mouth", mouth)):
        for kind, figure in (("mean", np.mean), ("median", np.median), ("sd", np.std)):
            row[f"{name}_{kind}"] = np.round(figure(values, axis=0), 3).tolist()
    box = box_to_template(row["eyes_median"], row["mouth_median"], aspect)
    row["box"] = box
    corner, size = np.array(box[:2]), np.array(box[2:]) - box[:2]
    in_crop = (np.median(points, axis=0) - corner) / size
    row["points_in_crop"] = np.round(in_crop[:5], 3).tolist()
    row["detector_box_in_crop"] = np.round(in_crop[5:], 3).ravel().tolist()
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked sets")
    parser.add_argument("--pictures", type=int, default=300, help="pictures of each set")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    from mtcnn import MTCNN

    detector = MTCNN()
    report = {"template": {"eyes": EYES, "mouth": MOUTH}, "sets": {}}
    for name, pattern in PATTERNS.items():
        paths = sorted(arguments.data.glob(pattern))
        if not paths:
            continue
        random.Random(arguments.seed).shuffle(paths)
        paths = paths[: arguments.pictures]
        found = [p for p in (find_points(detector, path) for path in paths) if p is not None]
        with Image.open(paths[0]) as first:
            aspect = first.width / first.height
        report["sets"][name] = summary(np.array(found), len(paths), aspect)
    if (arguments.data / LFW_POINTS).exists():
        points = lfw_points(arguments.data / LFW_POINTS)
        report["sets"]["lfw"] = summary(points, len(points), 1.0)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
