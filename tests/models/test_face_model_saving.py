"""Weights are loaded by the task's name: right, or an error. Never silently into another head."""

import keras
import numpy as np
import pytest

from kerasface.models import FaceModel, build_trunk
from kerasface.tasks import Classification
from tests.models.tiny import TASKS, pictures, some_labels, tiny_model

# All of one size, and on both sides of "heads", "layers" and "trunk" in the alphabet.
NAMES = ("age", "gender", "layer", "layerz", "mood", "zeal")


def tasks_of(names):
    return [Classification(name, ("a", "b", "c")) for name in names]


def model_of(names, seed):
    return tiny_model(tasks_of(names), seed=seed)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = model_of(NAMES, seed=1)
    path = tmp_path_factory.mktemp("weights") / "model.weights.h5"
    model.save_weights(path)
    return path, {name: np.array(value) for name, value in model(pictures(2)).items()}


@pytest.mark.parametrize(
    "names",
    [
        NAMES,
        NAMES[::-1],
        ("zeal", "age", "mood", "layer", "gender", "layerz"),
        NAMES[1:],
        NAMES[:-1],
        ("mood", "gender"),
        ("zeal",),
    ],
    ids=["same", "reversed", "shuffled", "first removed", "last removed", "two left", "one left"],
)
def test_heads_are_filled_by_name(saved, names):
    path, expected = saved
    model = model_of(names, seed=2)
    model.load_weights(path)
    outputs = model(pictures(2))
    assert list(outputs) == list(names)
    for name in names:
        np.testing.assert_allclose(outputs[name], expected[name], atol=1e-6)


@pytest.mark.parametrize(
    "names",
    [
        (*NAMES, "zoom"),
        ("aaa", *NAMES),
        ("agee", *NAMES[1:]),
        (*NAMES[:-1], "zealous"),
        ("nobody",),
    ],
    ids=["added last", "added first", "first renamed", "last renamed", "another"],
)
def test_a_head_that_the_file_lacks_is_an_error(saved, names):
    with pytest.raises(ValueError):
        model_of(names, seed=2).load_weights(saved[0])


def test_a_head_of_another_size_is_an_error(saved):
    tasks = tasks_of(NAMES)
    tasks[2] = Classification("layer", ("a", "b"))
    with pytest.raises(ValueError):
        tiny_model(tasks).load_weights(saved[0])


def test_another_trunk_is_an_error(saved):
    trunk = build_trunk(
        "small_resnet", input_shape=(16, 16, 3), widths=(8, 12), blocks=(1, 1), stem=8
    )
    with pytest.raises(ValueError):
        FaceModel(trunk, tasks_of(NAMES)).load_weights(saved[0])


# A class, bins and an adversary with a strength of its own; every kind is in the contract's test.
TRAINED = (TASKS[0], TASKS[1], TASKS[5])


@pytest.fixture(scope="module")
def trained():
    model = tiny_model(TRAINED)
    model.compile(keras.optimizers.Adam(1e-3))
    model.fit(pictures(8), some_labels(TRAINED, 8), batch_size=8, verbose=0)
    return model


@pytest.mark.slow
def test_a_whole_model_comes_back_with_its_tasks_and_training(trained, tmp_path):
    trained.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, FaceModel) and loaded.tasks == TRAINED
    for name, value in trained(pictures(2)).items():
        np.testing.assert_allclose(loaded(pictures(2))[name], value, atol=1e-6)
    assert int(loaded.optimizer.iterations) == int(trained.optimizer.iterations)
    for model in (trained, loaded):
        model.fit(pictures(8), some_labels(TRAINED, 8), batch_size=8, verbose=0)
    for ours, other in zip(trained.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-6)


def test_a_model_from_a_spec_comes_back_with_its_spec(tmp_path):
    spec = {
        "trunk": {"name": "small_resnet", "config": {"widths": [8], "blocks": [1]}},
        "tasks": [task.get_config() for task in TASKS],
        "input": {"height": 16, "width": 16, "channels": 3, "scale": 0.01, "offset": -1.0},
    }
    model = FaceModel.from_spec(spec)
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").get_spec() == spec


def test_files_of_equal_weights_are_equal(trained, tmp_path):
    for name in ("a", "b"):
        trained.save_weights(tmp_path / f"{name}.weights.h5")
    first, second = ((tmp_path / f"{name}.weights.h5").read_bytes() for name in ("a", "b"))
    assert first == second


def test_half_precision_on_disk_loads_into_float32(trained, tmp_path):
    import h5py

    path = tmp_path / "half.weights.h5"
    trained.save_weights(path)
    with h5py.File(path, "r+") as file:
        floats = []

        def note(name, item):
            if isinstance(item, h5py.Dataset) and item.dtype == "float32":
                floats.append(name)

        file.visititems(note)
        for name in floats:
            values = file[name][()].astype("float16")
            del file[name]
            file[name] = values
    copy = tiny_model(TRAINED, seed=5)
    copy.load_weights(path)
    assert all(weight.dtype == "float32" for weight in copy.weights if "seed" not in weight.path)
    for name, value in trained(pictures(2)).items():
        np.testing.assert_allclose(copy(pictures(2))[name], value, rtol=0.02, atol=0.05)
