"""From a name, a folder or an address to a model that answers as it did when published."""

import os
import shutil
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

from kerasface.models import FaceModel
from kerasface.zoo import locate
from kerasface.zoo.entry import read_manifest, sha256_of
from kerasface.zoo.errors import IntegrityError, ManifestError, ProbeError
from kerasface.zoo.index import refresh
from kerasface.zoo.loading import load
from kerasface.zoo.probe import compare, probe_input
from kerasface.zoo.schema import dump_json, read_json


@pytest.fixture
def rewrite(copied):
    """Changes files of an entry and makes its manifest agree: all that is left is the network."""

    def change(config=None, weights=None, manifest=None):
        document = read_json((copied / "manifest.json").read_bytes(), "manifest")
        if config:
            spec = read_json((copied / "config.json").read_bytes(), "config")
            config(spec)
            (copied / "config.json").write_bytes(dump_json(spec))
        if weights:
            with h5py.File(copied / "model.weights.h5", "r+") as file:
                weights(file)
        for name, fact in document["files"].items():
            path = copied / name
            fact.update(sha256=sha256_of(path), bytes=path.stat().st_size)
        if manifest:
            manifest(document)
        (copied / "manifest.json").write_bytes(dump_json(document))
        return copied

    return change


def test_the_answers_of_the_published_model(entry, make_model):
    """In half precision they differ, by less than a thousandth."""
    model = load(entry)
    assert isinstance(model, FaceModel)
    assert [task.name for task in model.tasks] == ["gender", "age"]
    assert model.manifest == read_manifest(entry)
    images = probe_input(model.manifest.input, seed=3, count=3)
    expected = {task: np.asarray(value) for task, value in make_model(0)(images).items()}
    received = {task: np.asarray(value) for task, value in model(images).items()}
    assert 0 < max(compare(expected, received).values()) < 1e-3


def test_by_name_address_and_folder(zoo, server, monkeypatch):
    refresh(zoo)
    monkeypatch.setattr(locate, "CHECKOUT", zoo)
    assert load("tiny").manifest.version == "1.10.0"
    assert load("tiny@1.0.0").manifest.version == "1.0.0"
    assert load(f"{server.url}/tiny/1.0.0").manifest.version == "1.0.0"
    assert load(str(zoo / "tiny" / "1.10.0")).manifest.version == "1.10.0"


@pytest.mark.slow
def test_it_trains_and_saves_like_any_model(entry, tmp_path):
    model = load(entry)
    model.compile("sgd")
    images = np.zeros((4, 48, 48, 3), "uint8")
    labels = {"gender": np.zeros(4, "int32"), "age": np.full(4, 30.0, "float32")}
    weight = {name: np.ones(4, "float32") for name in labels}
    model.fit(images, labels, sample_weight=weight, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(model(images)["age"], again(images)["age"], atol=1e-5)


def test_in_bfloat16(entry):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert load(entry).trunk.compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.slow
def test_on_jax(entry):
    """The same answers from another backend, in a process of its own."""
    pytest.importorskip("jax")
    code = "import sys, kerasface; print(kerasface.zoo.load(sys.argv[1]).manifest.reference)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(entry)],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "tiny@1.0.0", done.stderr


def test_hash_before_anything_parses(copied, monkeypatch):
    """A spoilt file never reaches h5py, JSON or Keras."""
    from kerasface.zoo import loading

    for name in ("measure_weights", "read_json", "from_config"):
        monkeypatch.setattr(loading, name, lambda *a, name=name: pytest.fail(f"{name} was called"))
    for name in ("model.weights.h5", "config.json"):
        whole = (copied / name).read_bytes()
        (copied / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(IntegrityError, match=f"{name} has sha256"):
            load(copied)
        (copied / name).write_bytes(whole)


def test_nothing_is_unpickled_or_loaded_whole(entry, monkeypatch):
    import pickle

    for module, name in ((pickle, "load"), (pickle, "loads"), (keras.saving, "load_model")):
        monkeypatch.setattr(module, name, lambda *a, **k: pytest.fail("code may have run"))
    load(entry)


def test_weights_of_another_network(rewrite):
    """Right hash, right shapes, other numbers: only the probe can tell."""

    def weights(file):
        kernel = file["heads/gender_head/vars/0"]
        kernel[...] = kernel[...][:, ::-1]

    folder = rewrite(weights=weights)
    with pytest.raises(ProbeError, match="the answer for 'gender' differs"):
        load(folder)
    assert load(folder, check=False)


def test_links_inside_the_weights(rewrite):
    def weights(file):
        file["elsewhere"] = h5py.ExternalLink("/etc/hostname", "/")

    with pytest.raises(IntegrityError, match="elsewhere is a link"):
        load(rewrite(weights=weights))


def test_weights_that_do_not_fit(rewrite):
    def weights(file):
        file.move("heads/gender_head", "heads/race_head")

    with pytest.raises(IntegrityError, match="does not fit config.json") as caught:
        load(rewrite(weights=weights))
    assert "\n" not in str(caught.value)


def test_a_count_that_is_wrong(rewrite):
    folder = rewrite(manifest=lambda document: document.update(parameters=1525))
    with pytest.raises(IntegrityError, match="holds 1526 parameters, its manifest says 1525"):
        load(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda spec: spec.pop("trunk"), "trunk must be an object"),
        (lambda spec: spec["trunk"].update(config=[]), "trunk must be an object"),
        (lambda spec: spec["trunk"].update(name="small_resnot"), "describes no model: no trunk"),
        (lambda spec: spec["trunk"]["config"].update(color=1), "describes no model"),
        (lambda spec: spec.pop("input"), "describes no model"),
        (lambda spec: spec["tasks"].reverse(), "other tasks than its manifest"),
        (lambda spec: spec["tasks"][0]["classes"].reverse(), "other tasks than its manifest"),
        (lambda spec: spec["input"].update(height=64), "other input than its manifest"),
        (lambda spec: spec["trunk"]["config"].update(stem=8), "other parameters than its manifest"),
        (
            lambda spec: spec["trunk"].update(
                name="applications/MobileNet", config={"weights": "imagenet"}
            ),
            "trunk.config.weights must be null. Received: 'imagenet'",
        ),
    ],
)
def test_configurations_that_are_refused(rewrite, change, message):
    with pytest.raises(ManifestError, match=message) as caught:
        load(rewrite(config=change))
    assert "\n" not in str(caught.value)


def test_an_entry_needs_no_card_and_no_figures(copied):
    (copied / "README.md").unlink()
    shutil.rmtree(copied / "figures", ignore_errors=True)
    assert load(copied)
