"""The labeller: a teacher asked under every transform in one compiled pass, and what it refuses."""

import pickle
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerasface.inference.labeller import Labeller, weights_digest
from kerasface.models import FaceModel, small_resnet
from kerasface.tasks import Classification, Landmarks, Regression
from tests.inference.label_oracles import (
    BOXES,
    binned_by_loops,
    class_by_loops,
    points_by_loops,
    seen_by_loops,
    value_by_loops,
)
from tests.models.tiny import TASKS, pictures, tiny_model

LABELLED = ("gender", "age", "weight", "landmarks5")


@pytest.fixture(scope="module")
def teacher():
    model = tiny_model()
    chance = np.random.default_rng(1)
    # Not the initial ones, under which every answer is about the same.
    model.set_weights([w + chance.normal(0, 0.1, w.shape) for w in model.get_weights()])
    return model


def test_columns_are_those_of_loops_over_the_teachers_own_answers(teacher):
    images = pictures(5)
    columns = Labeller(teacher, LABELLED, batch_size=14)(images)
    seen = [np.stack([seen_by_loops(each, *box) for each in images]) for box in BOXES.values()]
    answers = [teacher(each.astype("float32"), training=False) for each in seen]
    outputs = {name: np.stack([np.array(each[name]) for each in answers]) for name in LABELLED}
    age, weight = TASKS[1], TASKS[2]
    for row in range(5):
        label, soft, sure = class_by_loops(outputs["gender"], row)
        check(columns, "gender", row, label=label, soft=soft, confidence=sure)
        value, soft, spread, sure = binned_by_loops(outputs["age"], row, 0, 116, age.spread)
        check(columns, "age", row, label=value, soft=soft, spread=spread, confidence=sure)
        value, soft, spread, sure = value_by_loops(outputs["weight"], row, 0, 200, weight.spread)
        check(columns, "weight", row, label=value, soft=soft, spread=spread, confidence=sure)
        points, spread, sure = points_by_loops(
            outputs["landmarks5"], row, BOXES.values(), (1, 0, 2, 4, 3), 0.1
        )
        check(columns, "landmarks5", row, label=points, spread=spread, confidence=sure)
    assert not any(name.startswith(("identity", "source")) for name in columns)


def check(columns, task, row, **expected):
    for kind, value in expected.items():
        found = columns[f"{task}/{kind}"][row]
        np.testing.assert_allclose(np.ravel(found), np.ravel(value), rtol=2e-3, atol=2e-3)


def test_a_row_has_one_answer_whatever_it_is_labelled_with(teacher):
    images = pictures(9)
    whole = Labeller(teacher, "gender", batch_size=600)(images)
    labeller = Labeller(teacher, "gender", batch_size=13)
    assert labeller.pictures == 2
    for rows in (slice(0, 4), slice(4, 9), slice(8, 9)):
        part = labeller(images[rows])
        for name, column in part.items():
            np.testing.assert_allclose(column, whole[name][rows], rtol=1e-4, atol=1e-5)
    nothing = labeller(images[:0])
    assert {name: len(column) for name, column in nothing.items()} == dict.fromkeys(whole, 0)
    assert nothing["gender/soft"].shape == (0, 2) and nothing["gender/label"].dtype == np.int32


class Counting(keras.layers.Layer):
    """Adds one to `traced` each time that Python runs it, so not in a compiled pass."""

    traced = 0

    def call(self, inputs):
        Counting.traced += 1
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


def test_the_teacher_is_traced_once():
    inputs = keras.Input((16, 16, 3))
    features = keras.layers.GlobalAveragePooling2D()(Counting()(inputs))
    model = FaceModel(keras.Model(inputs, features), [TASKS[0]])
    labeller = Labeller(model, batch_size=18)
    Counting.traced = 0
    for rows in (1, 7, 3, 8):
        labeller(pictures(rows))
    assert Counting.traced == 1


class Spots(keras.Model):
    """Finds the middle of what is bright in the left and in the right half of a picture."""

    tasks = (Landmarks("eyes", 2, mirror=(1, 0)),)
    input_shape = (None, 32, 32, 3)

    def call(self, images, training=False):
        del training
        bright = keras.ops.mean(keras.ops.cast(images, "float32"), axis=-1)
        middles = keras.ops.cast((np.arange(32) + 0.5) / 32, "float32")
        found = []
        for half in (slice(0, 16), slice(16, 32)):
            part = bright[:, :, half]
            total = keras.ops.sum(part, axis=(1, 2))
            found.append(keras.ops.sum(part * middles[half], axis=(1, 2)) / total)
            found.append(keras.ops.sum(part * middles[:, None], axis=(1, 2)) / total)
        return {"eyes": keras.ops.stack(found, axis=-1)}


def test_points_come_back_to_where_they_are_in_the_picture():
    """Spots at (5.5, 11.5) and (23.5, 20.5) of 32 pixels, not mirror images of each other.

    A teacher numbers them as it sees them, left and right, so under a mirror they change places.
    """
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[0, 11, 5] = image[0, 20, 23] = 200
    names = [*BOXES, "scale=0.9", "shift=0.1:-0.05", "flip+shift=-0.1:0.07", "crop=0.1:0.2:0.9:1"]
    teacher = Spots()
    teacher.built = True
    columns = Labeller(teacher, transforms=names)(image)
    expected = [[5.5 / 32, 11.5 / 32], [23.5 / 32, 20.5 / 32]]
    np.testing.assert_allclose(columns["eyes/label"][0], expected, atol=0.004)
    assert columns["eyes/spread"][0] < 0.01 and columns["eyes/confidence"][0] > 0.9


def test_a_grey_teacher_is_shown_grey_pictures():
    keras.utils.set_random_seed(2)
    trunk = small_resnet((16, 16, 1), (8,), (1,), stem=8)
    model = FaceModel(trunk, [TASKS[0]])
    images = pictures(3)
    luma = np.rint(images @ np.array([0.299, 0.587, 0.114]))[..., None]
    expected = keras.ops.softmax(model(luma.astype("float32"))["gender"])
    found = Labeller(model, transforms=["plain"])(images)["gender/soft"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_teacher_for_any_size_takes_any_size():
    trunk = small_resnet((None, None, 3), (8,), (1,), stem=8)
    labeller = Labeller(FaceModel(trunk, [TASKS[0]]), transforms=["flip"])
    for size in (16, 20, 16):
        assert labeller(np.zeros((2, size, size, 3), np.uint8))["gender/soft"].shape == (2, 2)


def test_the_teacher_is_left_as_it_was(teacher):
    before = teacher.get_weights()
    flags = [layer.trainable for layer in teacher.layers]
    Labeller(teacher, "gender")(pictures(3))
    for weight, other in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    assert [layer.trainable for layer in teacher.layers] == flags and not teacher.losses


def test_race_is_labelled_only_where_it_is_named(make_face_model):
    model = make_face_model()
    assert "race" not in [task.name for task in Labeller(model).tasks]
    assert [task.name for task in Labeller(model, "race").tasks] == ["race"]


def test_names_and_weights_are_known(teacher):
    labeller = Labeller(teacher, "gender")
    assert labeller.name == "face_model" and labeller.sha256 == weights_digest(teacher)
    other = tiny_model(seed=5)
    assert weights_digest(other) != labeller.sha256
    other.set_weights(teacher.get_weights())
    assert weights_digest(other) == labeller.sha256 and len(labeller.sha256) == 64
    named = Labeller(teacher, "gender", name="mine", sha256="0" * 64)
    assert (named.name, named.sha256) == ("mine", "0" * 64)
    fact = SimpleNamespace(sha256="f" * 64)
    other.manifest = SimpleNamespace(reference="t@1.0.0", files={"model.weights.h5": fact})
    published = Labeller(other, "gender")
    assert (published.name, published.sha256) == ("t@1.0.0", "f" * 64)


@pytest.mark.parametrize(
    "given, words",
    [
        ({"tasks": ["mood"]}, "no such task"),
        ({"tasks": ["gender", "identity"]}, "embedding 'identity'"),
        ({"tasks": "source"}, "domain 'source'"),
        ({"transforms": ["turn"]}, "a transform is"),
        ({"batch_size": 0}, "batch_size must be"),
    ],
)
def test_wrong_arguments_are_said_at_once(teacher, given, words):
    with pytest.raises(ValueError, match=words) as error:
        Labeller(teacher, **given)
    assert "Received: " in str(error.value)


def test_a_teacher_is_a_keras_model(teacher):
    exported = SimpleNamespace(tasks=teacher.tasks, predict_on_batch=teacher.predict_on_batch)
    with pytest.raises(ValueError, match="a teacher is a Keras model.*Received: SimpleNamespace"):
        Labeller(exported)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 16, 16, 3), "float32"),
        np.zeros((2, 16, 12, 3), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((2, 16, 16, 1), np.uint8),
    ],
)
def test_other_pictures_are_refused(teacher, images):
    with pytest.raises(ValueError, match=r"uint8 pictures \(rows, 16, 16, 3\). Received: "):
        Labeller(teacher, "gender")(images)


def test_answers_that_are_not_finite_are_an_error():
    model = tiny_model((Regression("age", "years", (0, 9)), Classification("a", ("x", "y"))))
    broken = [np.full_like(w, np.nan) if w.shape[-1:] == (1,) else w for w in model.get_weights()]
    model.set_weights(broken)
    with pytest.raises(ValueError, match="'age' are not finite.*Received: 3 such of 3 pictures"):
        Labeller(model)(pictures(3))


def test_a_teacher_made_from_its_description_can_be_sent(model, rng):
    """Keras wraps the lists of a description so that they cannot be unpickled."""
    labeller = Labeller(model, "gender", ["plain"], batch_size=2)
    images = rng.integers(0, 256, (2, 48, 48, 3), np.uint8)
    sent = pickle.loads(pickle.dumps(labeller))
    np.testing.assert_allclose(sent(images)["gender/soft"], labeller(images)["gender/soft"])
