"""Faults of the zoo: each ends in a named error or is overcome, and the cache is whole afterwards.

`python -m benchmarks.faults` counts the same ones.
"""

import itertools

import pytest

from tests.faults import zoo_descriptions, zoo_exports, zoo_files, zoo_network, zoo_paths
from tests.faults.zoo_place import Fault, Place, endure, published_zoo

FAULTS = (
    *zoo_files.FAULTS, *zoo_paths.FAULTS, *zoo_network.FAULTS, *zoo_descriptions.FAULTS,
    *zoo_exports.FAULTS,
)  # fmt: skip


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    return published_zoo(tmp_path_factory.mktemp("zoo"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.group}: {fault.name}")
def test_fault(fault, zoo, tmp_path):
    endure(fault, Place(zoo, tmp_path))


def test_names_differ():
    names = [(fault.group, fault.name) for fault in FAULTS]
    assert [name for name, same in itertools.groupby(sorted(names)) if len(list(same)) > 1] == []


def spill(place):
    (place.treasure.parent / "spilt").write_bytes(b"")


def leave_half(place):
    place.home.mkdir()
    (place.home / ".model.weights.h5.0.part").write_bytes(b"")


@pytest.mark.parametrize(
    ("attack", "error", "words"),
    [
        (lambda place: None, OSError, "ended in nothing"),
        (lambda place: place.load("no such name"), None, "ended in ManifestError"),
        (spill, None, "something outside was touched"),
        (leave_half, None, "something half was left"),
    ],
)
def test_what_is_not_endured_is_seen(zoo, tmp_path, attack, error, words):
    with pytest.raises(AssertionError, match=words):
        endure(Fault("made up", "not endured", attack, error), Place(zoo, tmp_path))
