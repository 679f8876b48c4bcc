"""Pictures a second that a teacher labels, against the bare forward passes this takes.

    python -m benchmarks.labelling [--trunk vgg16] [--pictures 768] [--rounds 7]

An untrained teacher of the zoo's form labels drawn faces under the six default transforms. In
turns:

- labelling: `Labeller`, uint8 pictures to columns: transforms, teacher, aggregation;
- to shards: `label_images`, the same with the Parquet files written to a temporary folder;
- bare, together: the teacher's compiled function on as many ready float32 pictures as labelling
  sends through at once (`batch_size`, all transforms of some pictures);
- bare, one by one: the same number of pictures, one transform of those pictures at a time.

Both bare ways pass every picture once for each transform, on pixels that are there already. Aim:
at least 0.85 of the pictures a second of the quicker one, round by round. Three minutes on two
cores.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from benchmarks import machine
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.timing import alternate, ratio, row
from kerasface.data.synthetic import synthetic_set
from kerasface.data.template import SIZE
from kerasface.inference import Labeller, label_images
from kerasface.models import FaceModel
from recipes.face_zoo.sets import TASKS

AIM = ">= 0.85"
BATCH = 384
# A teacher's and a student's, as in `recipes/face_zoo`.
CONFIGS = {"vgg16": {"width": 0.5}, "small_resnet": {}}
SMOKE = {"widths": [8], "blocks": [1], "stem": 8}


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--trunk", choices=sorted(CONFIGS), default="vgg16")
    made.add_argument("--pictures", type=int, default=768, help="faces a block")
    made.add_argument("--batch-size", type=int, default=BATCH, help="through the teacher at once")
    made.add_argument("--rounds", type=int, default=7)
    options = made.parse_args(arguments)
    if options.smoke:
        options.trunk, options.pictures, options.batch_size, options.rounds = (
            "small_resnet",
            16,
            24,
            1,
        )
    warn_if_busy(options.smoke)
    load_before = machine.load()
    teacher = FaceModel.from_spec(
        {
            "trunk": {
                "name": options.trunk,
                "config": SMOKE if options.smoke else CONFIGS[options.trunk],
            },
            "tasks": [task.get_config() for task in TASKS],
            "input": {"height": SIZE, "width": SIZE, "channels": 3},
        }
    )
    labeller = Labeller(teacher, [task.name for task in TASKS], batch_size=options.batch_size)
    transforms, pictures = len(labeller.transforms), labeller.pictures
    # Whole steps only: what fills up a last one is no work that labelling must do.
    faces = synthetic_set(max(options.pictures // pictures, 1) * pictures, size=SIZE, tasks=())
    pixels = faces.images.astype("float32")
    together = np.concatenate([pixels[:pictures]] * transforms)
    passes = len(faces) // pictures

    def one_by_one() -> None:
        for start in range(0, len(faces), pictures):
            part = pixels[start : start + pictures]
            for _ in range(transforms):
                teacher.predict_on_batch(part)

    actions = {
        "labelling": lambda: labeller(faces.images),
        "to shards": lambda: to_shards(labeller, faces),
        "bare, together": lambda: [teacher.predict_on_batch(together) for _ in range(passes)],
        "bare, one by one": one_by_one,
    }
    for action in actions.values():
        action()  # traces
    blocks = alternate({name: clocked(each) for name, each in actions.items()}, options.rounds)
    bare = [
        [min(first[0], second[0])]
        for first, second in zip(blocks["bare, together"], blocks["bare, one by one"], strict=True)
    ]
    # Pictures a second against pictures a second: the times the other way round.
    name = "pictures/s, labelling / bare forward passes"
    shards = "pictures/s, labelling to shards / bare forward passes"
    finish(
        "labelling",
        options,
        {
            "backend": keras.backend.backend(),
            "trunk": options.trunk,
            "parameters": teacher.count_params(),
            "tasks": len(TASKS),
            "transforms": [each.name for each in labeller.transforms],
            "batch_size": options.batch_size,
            "pictures": len(faces),
            "size": SIZE,
            "rounds": options.rounds,
        },
        [
            ratio(name, bare, blocks["labelling"], AIM),
            ratio(shards, bare, blocks["to shards"]),
            ratio(
                "pictures/s, bare one by one / bare together",
                blocks["bare, together"],
                blocks["bare, one by one"],
            ),
        ],
        [row(name, each, faces=len(faces)) for name, each in blocks.items()],
        load_before=load_before,
    )


def to_shards(labeller: Labeller, faces) -> None:
    """Labels a set into a folder that goes again."""
    with tempfile.TemporaryDirectory() as folder:
        label_images(labeller, faces, Path(folder) / "labels")


def clocked(action: Callable[[], object]) -> Callable[[], list[float]]:
    """One sample a block: all pictures."""

    def block() -> list[float]:
        started = time.perf_counter()
        action()
        return [time.perf_counter() - started]

    return block


if __name__ == "__main__":
    main()
