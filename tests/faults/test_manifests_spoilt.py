"""Manifests, indexes and configurations altered at random: read, or one named line."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.tasks import Classification, Regression, from_config
from kerasface.zoo.errors import ManifestError
from kerasface.zoo.index import read_index
from kerasface.zoo.manifest import parse
from tests.faults.damaged_text import altered, spoilt, steady

ROOT = Path(__file__).parents[2] / "zoo"
MANIFESTS = sorted(ROOT.glob("*/*/manifest.json"))
TASKS = (
    Classification("gender", ("male", "female"), note="a guess"),
    Regression("age", "years", (0, 116), bins=30),
)
pytestmark = pytest.mark.skipif(not MANIFESTS, reason="no entry is in this checkout's zoo")


@pytest.fixture(scope="module")
def document():
    return json.loads(MANIFESTS[-1].read_text(encoding="utf-8"))


def check_manifest(content):
    try:
        manifest = parse(content)
    except ManifestError as error:
        assert "\n" not in str(error) and str(error).isprintable(), repr(str(error))
        return
    assert parse(manifest.to_bytes()) == manifest


@steady
@given(data=st.data())
def test_manifest_with_other_values(document, data):
    check_manifest(data.draw(altered(document)))


@steady
@given(data=st.data())
def test_manifest_with_other_bytes(data):
    check_manifest(data.draw(spoilt(MANIFESTS[-1].read_bytes())))


@steady
@given(data=st.data())
def test_index_with_other_values(data):
    index = json.loads((ROOT / "index.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index.json")
        path.write_bytes(data.draw(altered(index)))
        try:
            read_index(path)
        except ManifestError as error:
            assert "index.json" in str(error) and "\n" not in str(error)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
@steady
@given(data=st.data())
def test_tasks_with_other_values(task, data):
    """What is made of it says the same of itself again."""
    config = json.loads(data.draw(altered(task.get_config())))
    try:
        made = from_config(config)
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        return
    assert from_config(json.loads(json.dumps(made.get_config()))) == made
