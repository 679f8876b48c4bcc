"""What the small runs of the recipes share: steps run as they stand, and the policy put back."""

from contextlib import contextmanager

import keras
import pytest


@pytest.fixture(autouse=True)
def policy():
    """Recipes set the global policy; other tests want it as it was."""
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@contextmanager
def _eagerly():
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tensorflow.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def eagerly():
    """A context in which steps are not traced: of toys that takes most of the time."""
    return _eagerly


@pytest.fixture
def eager(eagerly):
    """A test in that context."""
    with eagerly():
        yield
