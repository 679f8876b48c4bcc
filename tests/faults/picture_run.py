"""Mutated pictures through decode, analyze and label: `picture_run COUNT SEED FOLDER`, prints JSON.

In a process of its own, so that a crash, a hang or memory is its and is seen from outside.
"""

import json
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import keras
import numpy as np

from kerasface.data.decode import ImageError, decode_image
from kerasface.inference import Labeller, analyze, label_images
from kerasface.inference.label_sources import FileSource
from kerasface.models import FaceModel
from kerasface.tasks import Classification, Regression
from tests.faults.mutated_pictures import mutated

DEADLINE = 20  # seconds for one picture on a busy machine
TASKS = (Classification("gender", ("male", "female")), Regression("age", "years", (0, 116), bins=8))


class Hang(BaseException):
    """A picture took longer than the deadline; nothing that handles errors handles this."""


def ring(signum, frame):
    raise Hang


def tiny_model():
    keras.utils.set_random_seed(0)
    return FaceModel.from_spec(
        {
            "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
            "tasks": [task.get_config() for task in TASKS],
            "input": {"height": 48, "width": 48, "channels": 3},
        }
    )


def decoded(source):
    """Whether it is an answer; anything but a picture or one line is raised."""
    try:
        pixels = decode_image(source)
    except ImageError as error:
        assert "\n" not in str(error) and str(error).isprintable(), str(error)
        return False
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
    return True


def analyzed(model, source):
    [record] = analyze(model, [source])
    json.dumps(record, allow_nan=False)
    if "error" in record:
        assert record["faces"] == [] and "\n" not in record["error"]
        return False
    [face] = record["faces"]
    return set(face["answers"]) == {"gender", "age"}


def peak_mb():
    """Most memory that this process ever had, in MB (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(count, seed, folder):
    warnings.simplefilter("ignore")  # Pillow's, about damaged blocks
    signal.signal(signal.SIGALRM, ring)
    model, tried, lost = tiny_model(), Counter(), []
    base = peak_mb()  # of Keras and TensorFlow, before the first picture
    answered, files, slowest = Counter(), [], 0.0
    for number, (kind, suffix, content) in enumerate(mutated(count, seed)):
        tried[kind] += 1
        started = time.monotonic()
        signal.alarm(DEADLINE)
        try:
            source = content
            if isinstance(content, bytes):
                source = folder / f"{number:05d}{suffix}"
                source.write_bytes(content)
                files.append(source)
                decoded(source)
            answered[kind] += analyzed(model, source)
        except (Hang, Exception) as error:
            lost.append([kind, number, f"{type(error).__name__}: {error}"])
        signal.alarm(0)
        slowest = max(slowest, time.monotonic() - started)
    labeller = Labeller(model, transforms=["plain"], batch_size=64)
    signal.alarm(DEADLINE + count)
    try:
        report = label_images(labeller, FileSource(files, "mutated"), folder / "labels")
        labels = {"files": len(files), "labels": report.labels, "unreadable": report.unreadable}
    except (Hang, Exception) as error:
        labels = {"error": f"{type(error).__name__}: {error}"}
    signal.alarm(0)
    grown = peak_mb() - base
    found = {"tried": tried, "answered": answered, "lost": lost, "label": labels}
    print(json.dumps({**found, "slowest_seconds": slowest, "base_mb": base, "grown_mb": grown}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
