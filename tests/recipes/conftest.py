"""What the small runs of the recipes share: steps that are run as they stand."""

from contextlib import contextmanager

import pytest


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
