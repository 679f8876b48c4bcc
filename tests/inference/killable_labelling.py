"""A labelling that can be killed at any moment and called again: `killable_labelling.py FOLDER`.

A pause after each shard gives the test time to choose its moment.
"""

import sys
import time
from pathlib import Path

from kerasface.data.synthetic import synthetic_set
from kerasface.inference.labeller import Labeller
from kerasface.inference.labelling import label_images
from tests.models.tiny import tiny_model

PICTURES, ROWS, PAUSE = 60, 4, 0.05


def main(folder: Path) -> None:
    faces = synthetic_set(PICTURES, size=16, tasks=("gender",))
    faces.masks["gender"][::4] = False
    labeller = Labeller(tiny_model(), ("gender", "age"), transforms=["plain", "flip"], batch_size=8)
    report = label_images(
        labeller, faces, folder, rows_per_shard=ROWS, progress=lambda pictures: time.sleep(PAUSE)
    )
    print(report.labels, report.resumed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
