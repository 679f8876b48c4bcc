"""A photograph of 1920 x 1080 from its file to the answers of its three faces, stage by stage.

    python -m benchmarks.photo [--entry student] [--detector haar] [--runtime auto] [--rounds 7]

In turns, in one process, as `FaceAnalyzer` does them one after the other: decoding the JPEG,
finding the faces, cutting them to the template, reading them (the network and the words), and the
whole call. The photograph is the portrait that comes with matplotlib, put three times on a plain
ground: of a plain ground a cascade is done sooner than of a crowd.

Then, each in a process of its own, what a person waits for at first: until the analyzer is made
(imports and loading), and its first answer without and after `warm_up`. A minute on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import machine
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.timing import alternate, ratio, repeated, row, stated
from kerasface import FaceAnalyzer
from kerasface.apps.demo import portrait
from kerasface.data.decode import decode_image
from kerasface.inference.crop_reading import answers_of, read_crops

SIZE, GROUND = (1920, 1080), (96, 104, 112)
# Left, top and scale of each portrait; its face is 180 pixels wide at 1.
PLACES = ((60, 60, 1.5), (900, 240, 0.8), (1400, 300, 1.0))
CALLS = 5
WAYS = ("cold", "warm")
START = """
import json, sys, time
began = time.perf_counter()
from kerasface import FaceAnalyzer
photo, entry, detector, runtime, warm = sys.argv[1:]
analyzer = FaceAnalyzer(entry, detector, runtime)
made = time.perf_counter()
if warm == "warm":
    analyzer.warm_up(4)
ready = time.perf_counter()
analyzer(photo)
first = time.perf_counter()
print(json.dumps({"made": made - began, "warm_up": ready - made, "first": first - ready}))
"""


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--entry", default="student", help="name, folder or address of an entry")
    made.add_argument("--detector", default="haar")
    made.add_argument("--runtime", default="auto")
    made.add_argument("--rounds", type=int, default=7)
    options = made.parse_args(arguments)
    calls = 1 if options.smoke else CALLS
    options.rounds = 1 if options.smoke else options.rounds
    warn_if_busy(options.smoke)
    load_before = machine.load()
    analyzer = FaceAnalyzer(options.entry, options.detector, options.runtime)
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch, "photo.jpg")
        photograph().save(photo, quality=92)
        blocks, faces = stages(analyzer, photo, options.rounds, calls)
        starts = {
            how: started(photo, options, how) for how in (("cold",) if options.smoke else WAYS)
        }
    cold, warm = starts["cold"], starts.get("warm", starts["cold"])
    facts = {
        "seconds until the analyzer is made": cold["made"],
        "seconds of warm_up": warm["warm_up"],
        "seconds of the first answer": cold["first"],
        "seconds of the first answer after warm_up": warm["first"],
    }
    ratios = [
        ratio("finding / reading", blocks["find"], blocks["read"]),
        stated("first answer / first after warm_up", cold["first"] / warm["first"]),
    ]
    manifest = getattr(analyzer.model, "manifest", None)
    settings = {
        "network": manifest.reference if manifest else options.entry,
        "runtime": f"{analyzer.runtime} {getattr(analyzer.model, 'precision', None) or ''}".strip(),
        "detector": options.detector,
        "faces": faces,
        "rounds": options.rounds,
    }
    rows = [row(name, each, faces) for name, each in blocks.items()]
    finish("photo", options, settings, ratios, rows, facts, load_before)


def photograph() -> Image.Image:
    """Three portraits on a plain ground."""
    picture = Image.new("RGB", SIZE, GROUND)
    with Image.open(portrait()) as one:
        for left, top, scale in PLACES:
            size = (round(one.width * scale), round(one.height * scale))
            picture.paste(one.resize(size, Image.Resampling.LANCZOS), (left, top))
    return picture


def stages(analyzer: FaceAnalyzer, photo: Path, rounds: int, calls: int):
    """Samples of each stage and of the whole, and the number of faces."""
    pixels = decode_image(photo)
    faces = analyzer.detector(pixels)
    crops = np.stack([analyzer.contract.cut(pixels, face) for face in faces])

    def read():
        outputs = read_crops(analyzer.model, crops)
        return answers_of(outputs, analyzer.tasks, analyzer.temperatures, analyzer.thresholds)

    actions = {
        "decode": lambda: decode_image(photo),
        "find": lambda: analyzer.detector(pixels),
        "cut": lambda: [analyzer.contract.cut(pixels, face) for face in faces],
        "read": read,
        "whole": lambda: analyzer(photo),
    }
    timed = {name: repeated(action, calls) for name, action in actions.items()}
    return alternate(timed, rounds), len(faces)


def started(photo: Path, options, how: str) -> dict[str, float]:
    """Seconds of a start in a process of its own."""
    words = [str(photo), options.entry, options.detector, options.runtime, how]
    done = subprocess.run(
        [sys.executable, "-c", START, *words], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
