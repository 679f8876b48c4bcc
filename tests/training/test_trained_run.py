"""The network of a run's folder answers as the one that was trained, whatever trained it."""

import json

import keras
import numpy as np
import pytest

from kerasface.data import mix, synthetic_set
from kerasface.models import FaceModel
from kerasface.models.partial_labels import PartialLabelsModel
from kerasface.tasks import Classification, Regression
from kerasface.training.distiller import Distiller
from kerasface.training.fused_normalization import FusedBatchNormalization
from kerasface.training.run_state import RunState
from kerasface.training.trained_run import (
    epochs_left,
    is_run,
    load_finished,
    load_trained,
    run_config,
    run_epoch,
)

TASKS = (Classification("gender", ("male", "female")), Regression("age", "years", (0, 116), bins=8))
SPEC = {
    "trunk": {"name": "small_resnet", "config": {"widths": [4], "blocks": [1], "stem": 4}},
    "tasks": [task.get_config() for task in TASKS],
    "input": {"height": 24, "width": 24, "channels": 3},
}


class Around(PartialLabelsModel):
    """A model that trains another one, as a balancer of losses does."""

    def __init__(self, model):
        super().__init__(name="around")
        self.network_inside = model
        self.tasks = model.tasks
        self.task_weights = self.add_weight(
            shape=(2,), initializer="ones", trainable=False, name="task_weights"
        )
        self.built = True

    def call(self, images, training=False):
        return self.network_inside(images, training=training)


def train(folder, wrap=lambda model: model, **build):
    """Two epochs of one step; returns the trained network."""
    keras.utils.set_random_seed(1)
    network = FaceModel.from_spec(SPEC, **build)
    model = wrap(network)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    faces = {"faces": synthetic_set(8, size=24, tasks=("gender", "age"))}
    state = RunState(folder, {"spec": SPEC, "per_batch": {"faces": 8}})
    batches = mix(faces, {"faces": 8}, TASKS)
    model.fit(batches, epochs=2, steps_per_epoch=1, verbose=0, callbacks=[state])
    return network


def same_answers(one, other):
    images = synthetic_set(5, size=24, seed=3).images
    for name, expected in one.predict(images, verbose=0).items():
        found = other.predict(images, verbose=0)[name]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: Distiller(model, FaceModel.from_spec(SPEC)),
        lambda model: Around(Distiller(model, FaceModel.from_spec(SPEC))),
    ],
    ids=["itself", "distiller", "around-a-distiller"],
)
def test_whatever_trained_it(wrap, tmp_path):
    network = train(tmp_path, wrap, dropout=0.3)
    found = load_trained(tmp_path)
    assert is_run(tmp_path) and run_epoch(tmp_path) == 2
    assert run_config(tmp_path)["per_batch"] == {"faces": 8}
    same_answers(network, found)


def test_a_fused_trunk_comes_back_as_a_plain_one(tmp_path):
    network = train(tmp_path, normalization=FusedBatchNormalization)
    found = load_trained(tmp_path)
    kinds = {type(layer).__name__ for layer in found.trunk.layers}
    assert "BatchNormalization" in kinds and "FusedBatchNormalization" not in kinds
    same_answers(network, found)


def test_what_is_no_finished_run_is_refused_in_one_line(tmp_path):
    assert not is_run(tmp_path)
    with pytest.raises(ValueError, match="holds no run: FileNotFoundError"):
        load_trained(tmp_path)
    RunState(tmp_path, {"spec": SPEC})
    with pytest.raises(ValueError, match="has not saved an epoch yet"):
        load_trained(tmp_path)
    (tmp_path / "state.json").write_text('{"epoch": 1}')
    with pytest.raises(ValueError, match="does not fit the settings"):
        load_trained(tmp_path)


def test_half_a_training_is_not_taken_for_a_whole_one(tmp_path):
    network = train(tmp_path)  # two epochs
    config = json.loads((tmp_path / "config.json").read_text())

    def planned(**epochs):
        changed = {**config, "config": {**config["config"], **epochs}}
        (tmp_path / "config.json").write_text(json.dumps(changed))

    with pytest.raises(ValueError, match="must have a number of 'epochs'. Received: epochs=None"):
        load_finished(tmp_path)
    planned(epochs=3)
    assert epochs_left(tmp_path) == 1
    with pytest.raises(ValueError, match="is at epoch 2 of 3; train it to its end first"):
        load_finished(tmp_path)
    planned(epochs=2)
    assert epochs_left(tmp_path) == 0
    same_answers(network, load_finished(tmp_path))


def test_weights_of_another_network_are_refused(tmp_path):
    train(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for change, message in (
        (lambda spec: spec["tasks"].pop(), "one network with the heads.*Received: 0 of them"),
        (lambda spec: spec["trunk"]["config"].update(widths=[6]), "does not fit the settings"),
        (lambda spec: spec["trunk"].update(name="large_resnet"), "does not fit the settings"),
    ):
        changed = json.loads(json.dumps(config))
        change(changed["config"]["spec"])
        (tmp_path / "config.json").write_text(json.dumps(changed))
        with pytest.raises(ValueError, match=message) as error:
            load_trained(tmp_path)
        assert "\n" not in str(error.value)
    del config["config"]["spec"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="under 'spec'. Received: spec=None"):
        load_trained(tmp_path)
    same_answers(load_trained(tmp_path, SPEC), load_trained(tmp_path, SPEC))
