"""Measures where the box of OpenCV's cascade lies in the template's crop.

    python -m recipes.face_zoo.measure_haar_box --data DATA/MTFL

DATA/MTFL holds the unpacked set, whose pictures have five points marked by people. The cascade is
run on a sample of those whose faces look ahead; of each box that holds its face's nose the
corners are brought into the crop of the marked points, and medians, spreads and the shares found
are printed as JSON. `HAAR_BOX` in `kerasface/inference/detectors/haar.py` is this median. Needs
the `opencv` extra; a minute on two cores.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np

from kerasface.data.alignment import face_alignment, inverse, transform_points
from kerasface.data.decode import decode_image
from kerasface.data.readers.mtfl import read_mtfl
from kerasface.data.template import POINTS
from kerasface.inference.detectors.haar import HaarDetector


def corners_in_crop(detector: HaarDetector, image, points):
    """`(2, 2)` corners of the cascade's box, shares of the crop's side; None where not found."""
    nose = points[2]
    for left, top, width, height in detector.boxes(image):
        if left < nose[0] < left + width and top < nose[1] < top + height:
            to_crop = inverse(face_alignment(points, POINTS))
            return transform_points([(left, top), (left + width, top + height)], to_crop)
    return None


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of MTFL")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    table = read_mtfl(options.data)
    rows = [row for row in table if row.labels.get("pose") == "frontal"]
    random.Random(options.seed).shuffle(rows)
    rows, detector, found = rows[: options.pictures], HaarDetector(), []
    for row in rows:
        corners = corners_in_crop(
            detector, decode_image(table.root / row.image), np.array(row.labels["landmarks5"])
        )
        if corners is not None:
            found.append(corners.ravel())
    print(
        json.dumps(
            {
                "pictures": len(rows),
                "found": len(found),
                "box_in_crop": np.round(np.median(found, axis=0), 3).tolist(),
                "sd": np.round(np.std(found, axis=0), 3).tolist(),
            }
        )
    )


if __name__ == "__main__":
    main()
