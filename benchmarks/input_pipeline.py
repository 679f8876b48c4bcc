"""What augmentation costs on top of decoding, and how fast batches come without a network.

    python -m benchmarks.input_pipeline [--pictures 4096] [--rounds 7]

Drawn faces of 48 to 64 pixels are written as JPEG into a temporary folder. Then, in turns:

- decode: `decode_all`, header checks and all, each picture cut to the template's 48 pixels;
- decode and augment: the same with `Augmentation` on batches of 128, one ahead of the other in a
  `tf.data` pipeline (aim: at least 0.8 of the pictures a second of decoding alone);
- decode, not cut: `decode_all` alone, pictures as they lie in the files;
- mixed, as they are, and mixed, augmented: `mix` on a prepared set in memory, what training uses:
  there every picture is decoded once and never again.

About two minutes on two cores.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks import machine
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.timing import alternate, ratio, row
from kerasface.data.augment import Augmentation
from kerasface.data.decode import decode_all
from kerasface.data.mixing import mix
from kerasface.data.prepared import PreparedSet
from kerasface.data.synthetic import EXPRESSIONS, synthetic_set
from kerasface.data.table import FaceRow, FaceTable, ReadReport
from kerasface.data.template import SIZE, crop_box
from kerasface.tasks import Classification

SIZES = (48, 52, 56, 60, 64)  # pixels of the files, in turn
QUALITY = 90
BATCH = 128
AIM = ">= 0.80"
EXPRESSION = Classification("expression", EXPRESSIONS)


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--pictures", type=int, default=4096, help="faces a block")
    made.add_argument("--rounds", type=int, default=7)
    options = made.parse_args(arguments)
    batch = BATCH
    if options.smoke:
        options.pictures, options.rounds, batch = 32, 1, 8
    warn_if_busy(options.smoke)
    load_before = machine.load()
    pictures = options.pictures
    prepared = synthetic_set(min(pictures, 1024), size=SIZE, tasks=("expression",))
    with tempfile.TemporaryDirectory() as root:
        table = jpeg_faces(Path(root), pictures)
        # Made once, as a training makes its pipeline once: tracing is not what is measured.
        stream = augmented(table, batch)
        actions = {
            "decode": lambda: drain(decoded(table, batch)),
            "decode and augment": lambda: drain(stream),
            "decode, not cut": lambda: drain(decode_all(table)),
            "mixed, as they are": mixed(prepared, batch, pictures // batch, None),
            "mixed, augmented": mixed(prepared, batch, pictures // batch, Augmentation()),
        }
        if not options.smoke:
            for action in actions.values():
                action()
        timed = {name: clocked(action) for name, action in actions.items()}
        blocks = alternate(timed, options.rounds)
    if table.report.skipped:
        raise RuntimeError(f"pictures did not decode: {table.report}")
    finish(
        "input_pipeline",
        options,
        {
            "pictures": pictures,
            "jpeg_sizes": list(SIZES),
            "quality": QUALITY,
            "batch": batch,
            "size": SIZE,
            "rounds": options.rounds,
        },
        [
            # Pictures a second against pictures a second: the times the other way round.
            ratio(
                "pictures/s, decode and augment / decode",
                blocks["decode"],
                blocks["decode and augment"],
                AIM,
            ),
            ratio(
                "pictures/s, decode and augment / decode without the cut",
                blocks["decode, not cut"],
                blocks["decode and augment"],
            ),
            ratio(
                "pictures/s, mixed and augmented / mixed as they are",
                blocks["mixed, as they are"],
                blocks["mixed, augmented"],
            ),
        ],
        [row(name, each, faces=pictures // batch * batch) for name, each in blocks.items()],
        load_before=load_before,
    )


def jpeg_faces(root: Path, pictures: int) -> FaceTable:
    """Drawn faces as JPEG files of `SIZES`, and the table of them."""
    rows = []
    for turn, size in enumerate(SIZES):
        names = range(turn, pictures, len(SIZES))
        # Drawing is slow and files are not: 100 faces of a size, again and again.
        drawn = synthetic_set(min(len(names), 100), size=size, tasks=(), seed=turn).images
        for count, number in enumerate(names):
            name = f"{number:06d}.jpg"
            Image.fromarray(drawn[count % len(drawn)]).save(root / name, quality=QUALITY)
            rows.append(FaceRow(name, {}, None, None, "synthetic"))
    rows.sort(key=lambda each: each.image)
    return FaceTable(root, rows, ReadReport("synthetic", read=len(rows)))


def decoded(table: FaceTable, batch: int) -> Iterator[np.ndarray]:
    """Whole batches `(batch, 48, 48, 3)` uint8, decoded and cut."""
    faces = []
    for _, face in decode_all(table, lambda pixels, index: crop_box(pixels)):
        faces.append(face)
        if len(faces) == batch:
            yield np.stack(faces)
            faces = []


def augmented(table: FaceTable, batch: int) -> tf.data.Dataset:
    """The same batches changed by `Augmentation` while the next ones are decoded."""
    shape = tf.TensorSpec((batch, SIZE, SIZE, 3), tf.uint8)
    stream = tf.data.Dataset.from_generator(lambda: decoded(table, batch), output_signature=shape)

    def change(step, images):
        return Augmentation()(images, {}, tf.stack([step, 0]))[0]

    return stream.enumerate().map(change, num_parallel_calls=2).prefetch(2)


def mixed(prepared: PreparedSet, batch: int, steps: int, augmentation) -> Callable[[], None]:
    """Passes through `steps` batches of `mix`."""
    sets, per_batch = {prepared.domain: prepared}, {prepared.domain: batch}
    endless = mix(sets, per_batch, (EXPRESSION,), augmentation=augmentation)
    return lambda: drain(endless.take(steps))


def drain(items) -> None:
    """Takes every item and keeps none."""
    for _ in items:
        pass


def clocked(action: Callable[[], None]) -> Callable[[], list[float]]:
    """One sample a block: a pipeline is timed as a whole, its batches come in bursts."""

    def block() -> list[float]:
        started = time.perf_counter()
        action()
        return [time.perf_counter() - started]

    return block


if __name__ == "__main__":
    main()
