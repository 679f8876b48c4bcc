import json

import keras
import numpy as np
import pytest

from kerasface.models import FaceModel, build_trunk, small_resnet
from kerasface.tasks import Classification
from tests.contracts import check_model
from tests.models.tiny import SHAPE, TASKS, pictures, some_labels, tiny_model

GENDER, AGE = TASKS[:2]
SPEC = {
    "trunk": {"name": "small_resnet", "config": {"widths": [8, 8], "blocks": [1, 1], "stem": 8}},
    "tasks": [task.get_config() for task in TASKS],
    "input": {"height": 16, "width": 16, "channels": 3, "scale": 1 / 255, "offset": 0.0},
}


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def test_outputs_are_a_dict_in_the_tasks_order(model):
    outputs = model(pictures(3))
    assert list(outputs) == [task.name for task in TASKS]
    for task in TASKS:
        assert tuple(outputs[task.name].shape) == (3, task.output_size)
        assert outputs[task.name].dtype == "float32"
        assert len(task.decode(np.array(outputs[task.name]))) == 3


def test_bytes_and_floats_are_the_same_picture(model):
    for name, value in model(pictures(2)).items():
        np.testing.assert_array_equal(value, model(pictures(2, dtype="float32"))[name])
    predicted = model.predict(pictures(2), verbose=0)
    np.testing.assert_allclose(predicted["age"], model(pictures(2))["age"], atol=1e-5)


def test_pixels_reach_the_trunk_between_minus_one_and_one():
    """0, 127.5 and 255 become -1, 0 and 1, in float32 under half precision too."""
    seen = []

    class Eye(keras.layers.Layer):
        def call(self, inputs):
            seen.append(inputs)
            return inputs

    image = keras.Input((1, 3, 1))
    trunk = keras.Model(image, keras.layers.GlobalAveragePooling2D()(Eye(dtype="float32")(image)))
    FaceModel(trunk, [GENDER])(np.array([0, 127.5, 255], "float32").reshape(1, 1, 3, 1))
    np.testing.assert_allclose(np.ravel(seen[-1]), [-1, 0, 1], atol=1e-6)


def test_a_trunk_that_gives_maps_is_averaged():
    image = keras.Input(SHAPE)
    maps = keras.Model(image, keras.layers.Conv2D(6, 3)(image))
    pooled = keras.Model(image, keras.layers.GlobalAveragePooling2D()(maps(image)))
    first, second = FaceModel(maps, [GENDER]), FaceModel(pooled, [GENDER])
    second.heads.set_weights(first.heads.get_weights())
    assert first.features(pictures(2)).shape == (2, 6)
    for name, value in first(pictures(2)).items():
        np.testing.assert_allclose(value, second(pictures(2))[name], atol=1e-5)


def test_augmentation_changes_training_only_and_sees_pixels():
    seen = []

    class Darken(keras.layers.Layer):
        def call(self, images, training=False):
            seen.append(images)
            return keras.ops.cast(images, "float32") * (0.5 if training else 1.0)

    plain = tiny_model((GENDER,), normalization=keras.layers.LayerNormalization)
    changed = tiny_model(
        (GENDER,), normalization=keras.layers.LayerNormalization, augmentation=Darken()
    )
    images = pictures(2, dtype="float32")
    np.testing.assert_allclose(changed(images)["gender"], plain(images)["gender"], atol=1e-6)
    darker = changed(images, training=True)["gender"]
    np.testing.assert_allclose(darker, plain(images / 2)["gender"], atol=1e-6)
    assert float(keras.ops.max(seen[0])) > 200


def test_spec_there_and_back():
    model = FaceModel.from_spec(SPEC)
    assert model.get_spec() == SPEC == json.loads(json.dumps(model.get_spec()))
    copy = FaceModel.from_spec(model.get_spec())
    assert copy.tasks == TASKS
    copy.set_weights(model.get_weights())
    for name, value in model(pictures(2)).items():
        np.testing.assert_allclose(copy(pictures(2))[name], value, atol=1e-6)


def test_a_spec_may_leave_the_scaling_out():
    size = {"height": 16, "width": 16, "channels": 3}
    model = FaceModel.from_spec({**SPEC, "input": size})
    assert (model.scale, model.offset) == (1 / 127.5, -1.0)


def test_weights_move_between_builds_of_one_spec():
    """Trained without batch normalisation's own layer, with dropout, on pictures of any size."""
    trained = FaceModel.from_spec(SPEC, input_shape=(None, None, 3), dropout=0.5)
    published = FaceModel.from_spec(SPEC)
    published.set_weights(trained.get_weights())
    for name, value in trained(pictures(2)).items():
        np.testing.assert_allclose(published(pictures(2))[name], value, atol=1e-6)
    with pytest.raises(ValueError, match="one size.*Received: .*None"):
        trained.get_spec()


def test_only_a_model_from_a_spec_can_be_described(model):
    with pytest.raises(ValueError, match="from_spec.*Received: trunk='small_resnet'"):
        model.get_spec()


@pytest.mark.parametrize("tasks", [(), (GENDER, AGE, Classification("gender", ("a", "b")))])
def test_tasks_have_names_of_their_own(tasks):
    with pytest.raises(ValueError, match="Received: "):
        FaceModel(build_trunk("small_resnet", widths=(8,), blocks=(1,)), tasks)


def test_a_task_by_its_name(model):
    assert model.task("age") is AGE
    with pytest.raises(KeyError, match="no task 'agee'"):
        model.task("agee")


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [TASKS, TASKS[:1]], ids=["all kinds", "one task"])
def test_contract(tasks, tmp_path):
    labels = some_labels(tasks, 4)
    check_model(
        lambda: tiny_model(tasks), pictures(4, dtype="float32"), labels, tmp_path, loss=None
    )


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_trains_in_half_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = tiny_model()
        assert model.trunk.compute_dtype == policy.removeprefix("mixed_")
        model.compile("sgd")
        logs = model.train_on_batch(pictures(4), some_labels(TASKS, 4), return_dict=True)
    finally:
        keras.config.set_dtype_policy("float32")
    assert all(np.isfinite(value) for value in logs.values())
    assert all(weight.dtype == "float32" for weight in model.trainable_weights)


def test_a_batch_of_one(model):
    outputs = model(pictures(3))
    for name, value in model(pictures(3)[:1]).items():
        np.testing.assert_allclose(value, outputs[name][:1], atol=1e-4)


def test_the_trunks_name_is_kept():
    assert small_resnet(SHAPE, (8,), (1,), name="eyes").name == "eyes"
