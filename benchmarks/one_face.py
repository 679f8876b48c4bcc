"""Milliseconds from one face to its answers, by each way there is.

    python -m benchmarks.one_face [--entry student] [--rounds 7]

In turns, on one face crop in memory:

- predict: Keras's `model.predict`, which builds a data pipeline on every call;
- analyze: `kerasface.inference.analyze`, from a picture of 64 pixels to plain answers;
- compiled: `read_crops`, the model's one compiled function that `analyze` calls;
- bare tf.function: the network and nothing else, to see what the compiled way adds;
- analyze, 64 faces and compiled, 64 faces: the same with 64 at once, for throughput.

The network is the published entry, or an untrained one of its size where there is none (the
first line and the JSON say which). Half a minute on two cores.
"""

from __future__ import annotations

import tensorflow as tf

from benchmarks import machine
from benchmarks.result import finish, parser, warn_if_busy
from benchmarks.timing import alternate, ratio, repeated, row
from kerasface.data.synthetic import synthetic_set
from kerasface.data.template import SIZE
from kerasface.inference import analyze
from kerasface.inference.analysis import read_crops
from kerasface.models import FaceModel
from kerasface.zoo import load
from kerasface.zoo.errors import ZooError
from recipes.face_zoo.sets import TASKS

MANY = 64
PICTURE = 64  # pixels of the picture that `analyze` cuts to the network's 48
# Calls a block: about a second of each on two cores.
CALLS = {"predict": 10, "analyze, 64 faces": 5, "compiled, 64 faces": 5}
CALLS_OF_OTHERS = 50


def main(arguments=None) -> None:
    """Measures, prints and writes."""
    made = parser(__doc__)
    made.add_argument("--entry", default="student", help="name, folder or address of an entry")
    made.add_argument("--rounds", type=int, default=7)
    options = made.parse_args(arguments)
    many, pictures = MANY, synthetic_set(MANY, size=PICTURE, tasks=()).images
    model, which = untrained(smoke=True) if options.smoke else network(options.entry)
    if options.smoke:
        options.rounds, many = 1, 4
    warn_if_busy(options.smoke)
    load_before = machine.load()
    crops = synthetic_set(many, size=SIZE, tasks=()).images
    bare = tf.function(lambda faces: model(faces, training=False), autograph=False)
    one, face, single = pictures[0], crops[:1], tf.constant(crops[:1])
    actions = {
        "predict": lambda: model.predict(face, verbose=0),
        "analyze": lambda: analyze(model, one),
        "compiled": lambda: read_crops(model, face),
        "bare tf.function": lambda: bare(single),
        "analyze, 64 faces": lambda: analyze(model, pictures[:many]),
        "compiled, 64 faces": lambda: read_crops(model, crops),
    }
    for action in actions.values():
        action()  # traces
    calls = {name: 1 if options.smoke else CALLS.get(name, CALLS_OF_OTHERS) for name in actions}
    timed = {name: repeated(action, calls[name]) for name, action in actions.items()}
    blocks = alternate(timed, options.rounds)
    finish(
        "one_face",
        options,
        {
            "network": which,
            "parameters": model.count_params(),
            "rounds": options.rounds,
            "calls_a_block": calls,
        },
        [
            ratio("analyze / compiled, one face", blocks["analyze"], blocks["compiled"]),
            ratio("compiled / bare tf.function", blocks["compiled"], blocks["bare tf.function"]),
            ratio("predict / analyze, one face", blocks["predict"], blocks["analyze"]),
            ratio(
                "a face alone / a face among 64, compiled",
                blocks["compiled"],
                blocks["compiled, 64 faces"],
                scale=many,
            ),
        ],
        [
            row(name, each, faces=many if name.endswith("64 faces") else 1)
            for name, each in blocks.items()
        ],
        load_before=load_before,
    )


def network(entry: str) -> tuple[FaceModel, str]:
    """The published entry, or an untrained network of the student's size; and which it is."""
    try:
        model = load(entry)
    except ZooError as error:
        model, which = untrained()
        print(f"{error}\nnetwork: {which}")
        return model, which
    print(f"network: {model.manifest.reference}")
    return model, model.manifest.reference


def untrained(smoke: bool = False) -> tuple[FaceModel, str]:
    """A network of the student's form with the student's heads, and what to call it."""
    config = {"widths": [8], "blocks": [1], "stem": 8} if smoke else {}
    spec = {
        "trunk": {"name": "small_resnet", "config": config},
        "tasks": [task.get_config() for task in TASKS],
        "input": {"height": SIZE, "width": SIZE, "channels": 3},
    }
    return FaceModel.from_spec(spec), "untrained small_resnet" + (", tiny" if smoke else "")


if __name__ == "__main__":
    main()
