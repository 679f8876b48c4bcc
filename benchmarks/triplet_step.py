"""One triplet loss at one batch size in a process of its own: seconds a step and peak memory.

    python benchmarks/triplet_step.py LIBRARY KIND BATCH DIM REPEATS CLOCK

LIBRARY is "kerasface" or "addons", KIND "semi-hard" or "hard", CLOCK "wall" or "cpu" (seconds of
all threads, for a machine with other work). Prints one line of JSON. It imports
no other file of this folder, so that it also runs in an environment with tensorflow-addons, which
cannot hold Keras 3.
"""

import json
import resource
import sys
import time

PER_PERSON = 4  # rows a person, as in batches of P x K identities
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
LITTLE = 8  # batch that loads every kernel before memory is counted


def loss_of(library, kind):
    """The loss object, with L2 distance and margin 1, the defaults of both libraries."""
    if library == "addons":
        import tensorflow_addons as source

        source = source.losses
    else:
        import kerasface.losses as source
    return source.TripletSemiHardLoss() if kind == "semi-hard" else source.TripletHardLoss()


def peak_mb():
    """Most memory this process ever held, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 2**20 if sys.platform == "darwin" else size / 2**10


def measure(library, kind, batch, dim, repeats, clock):
    """Times value and gradient in a compiled graph, after one step that is not counted."""
    import numpy as np
    import tensorflow as tf

    loss, now = loss_of(library, kind), CLOCKS[clock]

    @tf.function(reduce_retracing=False)
    def step(labels, rows):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            value = loss(labels, rows)
        return value, tape.gradient(value, rows)

    def run(size):
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(size, dim)).astype("float32")
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        labels, rows = tf.constant(np.arange(size) // PER_PERSON), tf.constant(rows)
        started = now()
        value, gradient = step(labels, rows)
        gradient.numpy()
        return now() - started, float(value)

    run(LITTLE)
    before = peak_mb()
    run(batch)
    timed = [run(batch) for _ in range(repeats)]
    return {
        "seconds": [seconds for seconds, _ in timed],
        "peak_mb": peak_mb() - before,
        "value": timed[0][1],
        "tensorflow": tf.__version__,
    }


if __name__ == "__main__":
    library, kind, *numbers, clock = sys.argv[1:]
    print(json.dumps(measure(library, kind, *map(int, numbers), clock)))
