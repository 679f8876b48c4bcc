"""What every test has: quiet TensorFlow, no windows, no network, and a tiny model to read with."""

import gc
import os
import socket
from collections import Counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# What a test compiles runs for a few steps: compiling it well takes longer than those.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # There is a worker a core; threads of its own for each core would only wait for one another.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import numpy as np
import pytest

# Graphs are many objects that stay; to look through them all as often as is usual takes long.
gc.set_threshold(20_000, 50, 100)


def pytest_collection_modifyitems(items):
    """The files with most slow tests first, so that no worker ends alone with one of them."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Frees what a file's tests compiled when it ends; many such graphs at once take minutes."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()  # what is left is not looked through again


@pytest.fixture(autouse=True, scope="session")
def no_network():
    """Tests run offline: a connection to anything but this machine fails at once."""
    connect = socket.socket.connect

    def only_here(self, address):
        internet = self.family in (socket.AF_INET, socket.AF_INET6)
        if internet and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"tests run offline. Received: connect to {address}")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", only_here)
        yield


@pytest.fixture(scope="session")
def make_face_model():
    """Makes an untrained `FaceModel` of some thousand parameters for the given (or all) tasks."""

    def make(*tasks, seed=0, **input_size):
        import keras

        from kerasface.models import FaceModel
        from kerasface.tasks import Classification, Landmarks, Regression

        keras.utils.set_random_seed(seed)
        tasks = tasks or (
            Classification("expression", ("angry", "happy", "neutral")),
            Regression("age", "years", (0, 116), bins=30),
            Classification("gender", ("male", "female"), note="as annotators saw it"),
            Classification("race", ("White", "Black", "Asian", "Indian", "Other")),
            Landmarks("landmarks5", 5),
        )
        return FaceModel.from_spec(
            {
                "trunk": {"name": "small_resnet", "config": {"widths": [8, 8, 8]}},
                "tasks": [task.get_config() for task in tasks],
                "input": {"height": 48, "width": 48, "channels": 3, **input_size},
            }
        )

    return make


@pytest.fixture
def rng():
    """A NumPy generator that starts alike in every test."""
    return np.random.default_rng(0)
