"""Stages that resume and begin from one another, a hint, and a teacher kept for both sides."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from kerasface.data import Augmentation, mix, synthetic_set
from kerasface.data.array_batches import ArrayBatches
from kerasface.data.batches import TEACHER, arrays, layer_column
from kerasface.models import FaceModel, with_hidden
from kerasface.tasks import Classification, Landmarks
from kerasface.training import (
    ChangedData,
    Distiller,
    FusedBatchNormalization,
    HiddenTarget,
    HintRegression,
    NonFiniteLoss,
    SoftTargets,
    Stage,
    cache_teacher_flips,
    check_data,
    distil,
    initialise,
    load_trained,
    pretrain,
    regress_hint,
    transfer_weights,
)

GENDER = Classification("gender", ("male", "female"))
POINTS = Landmarks("landmarks5", 5)
FLIPS = Augmentation(0.5, 0, 0, 0, 0, 0, 0, 0)


def spec(width=4, last=6, tasks=(GENDER,)):
    return {
        "trunk": {
            "name": "small_resnet",
            "config": {"widths": [width, last], "blocks": [1, 1], "stem": 4},
        },
        "tasks": [task.get_config() for task in tasks],
        "input": {"height": 16, "width": 16, "channels": 3},
    }


def network(seed, **config):
    keras.utils.set_random_seed(seed)
    return FaceModel.from_spec(spec(**config))


def sgd():
    return keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)


@pytest.fixture(scope="module")
def faces():
    return synthetic_set(24, size=16, tasks=("gender", "landmarks5"))


@pytest.fixture
def batches(faces):
    return lambda first: mix({"faces": faces}, {"faces": 8}, (GENDER,), first_step=first)


@pytest.fixture(scope="module")
def teacher():
    model = network(1, width=6, last=8)
    # As after some training: its normalisation knows what it is given.
    for weight in model.weights:
        if "moving_variance" in weight.path:
            weight.assign(weight * 0.3)
    return model


def equal(first, second):
    pairs = zip(first, second, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


STARTED = {
    "teacher": lambda student, teacher, stage: distil(
        student, teacher, [SoftTargets(3.0), HiddenTarget("features", "features")], stage
    ),
    "hint": lambda student, teacher, stage: regress_hint(
        student, teacher, HiddenTarget("group1", "group1", weight=1e-3), stage
    ),
}


@pytest.mark.parametrize("kind", STARTED)
def test_a_killed_stage_ends_as_an_unbroken_one(kind, teacher, batches, tmp_path):
    def stage(name, *callbacks):
        return Stage(tmp_path / name, batches, sgd, 3, 2, callbacks=callbacks)

    whole = STARTED[kind](network(2), teacher, stage("whole"))
    with pytest.raises(Killed):
        STARTED[kind](network(2), teacher, stage("killed", KillAt(1)))
    assert not stage("killed").is_finished
    # What a new process would make is another student and, around it, another projector.
    resumed = STARTED[kind](network(5), teacher, stage("killed"))
    assert stage("killed").is_finished
    kept = resumed.get_weights()
    if kind == "hint":  # what the stage does not train is saved and comes back too
        assert equal(kept, load_trained(tmp_path / "killed").get_weights())
    assert equal(kept, whole.get_weights()) and all(np.isfinite(each).all() for each in kept)


def test_a_finished_stage_asks_for_no_batch_and_gives_its_weights(batches, tmp_path):
    first = pretrain(network(2), Stage(tmp_path, batches, sgd, 1, 2))
    again = pretrain(network(3), Stage(tmp_path, none, sgd, 1, 2))
    assert equal(first.get_weights(), again.get_weights())
    with pytest.raises(ValueError, match="other settings.*different epochs"):
        pretrain(network(3), Stage(tmp_path, none, sgd, 2, 2))


def test_other_terms_are_other_settings(teacher, batches, tmp_path):
    stage = Stage(tmp_path, batches, sgd, 1, 1)
    distil(network(2), teacher, [SoftTargets(3.0)], stage)
    with pytest.raises(ValueError, match="different terms"):
        distil(network(2), teacher, [SoftTargets(4.0)], stage)
    with pytest.raises(ValueError, match="different hard"):
        distil(network(2), teacher, [SoftTargets(3.0)], stage, hard=0.5)


def test_full_initialisation_begins_where_labels_ended(teacher, batches, tmp_path):
    """Equations 3 and 4: at a rate of 0 distillation leaves W_S0 as it is."""
    labels = Stage(tmp_path / "labels", batches, sgd, 1, 2)
    trained = pretrain(network(2), labels)

    def still():
        return keras.optimizers.SGD(0.0)

    begun = initialise(network(3), labels.folder)
    begun = distil(begun, teacher, [SoftTargets(3.0)], Stage(tmp_path / "d", batches, still, 1, 1))
    assert equal(*([w.numpy() for w in m.trainable_variables] for m in (trained, begun)))


def test_weights_go_to_other_tasks_and_to_fused_normalisation():
    source = network(1, tasks=(GENDER, POINTS))
    keras.utils.set_random_seed(2)
    target = FaceModel.from_spec(
        spec(tasks=(POINTS, Classification("person", ("a", "b", "c")))),
        normalization=FusedBatchNormalization,
    )
    head = target.heads.head("person").get_weights()
    assert transfer_weights(source, target) == ("landmarks5",)
    assert equal(source.trunk.get_weights(), target.trunk.get_weights())
    assert equal(head, target.heads.head("person").get_weights())
    with pytest.raises(ValueError, match="weights are copied between layers of one form"):
        transfer_weights(network(1, width=8), target)


def none(step):
    raise AssertionError("asked for batches")


def test_a_stage_looks_at_its_data_before_its_first_step(faces, tmp_path):
    """A label that is out of range, and other rows than it began with."""
    labels = {**faces.labels, "gender": faces.labels["gender"] + 2 * (np.arange(24) == 7)}
    broken = Stage(tmp_path / "a", none, sgd, 1, 1, sets={"faces": replace(faces, labels=labels)})
    with pytest.raises(ValueError, match=r"row 7 \(.*'gender' cannot have. Received: [23]"):
        pretrain(network(2), broken)
    check_data(tmp_path / "b", {"train": {"faces": faces}}, (GENDER,))
    fewer = Stage(tmp_path / "b", none, sgd, 1, 1, sets={"faces": faces.take(range(20))})
    with pytest.raises(ChangedData, match="train/faces has 20 rows where there were 24"):
        pretrain(network(2), fewer)


def test_a_loss_that_is_no_number_stops_a_stage_and_its_batch_is_kept(faces, tmp_path):
    whole = arrays({"faces": faces}, (GENDER,))

    def batch(step):
        images = whole[0].astype("float32")
        return np.where(step == 3, np.nan, images), *whole[1:]

    stage = Stage(tmp_path, lambda first: ArrayBatches(batch, first), sgd, 3, 2)
    with pytest.raises(NonFiniteLoss, match="loss of step 3, batch 1 of epoch 2") as error:
        pretrain(network(2), stage)
    file = tmp_path / "faults" / "non-finite-0000003.npz"
    assert str(file) in str(error.value)
    with np.load(file) as stored:
        assert np.isnan(stored["3/images"]).all() and np.isfinite(stored["2/images"]).all()
    assert load_trained(tmp_path) and not stage.is_finished  # the first epoch is whole


def test_a_stage_lasts():
    with pytest.raises(ValueError, match="one epoch and one step.*steps_per_epoch=0"):
        Stage("anywhere", None, sgd, 1, 0)


def test_hint_is_the_mean_squared_distance_of_projected_maps(teacher, faces):
    """FitNets, eq. 3 without its half, in loops."""
    student = network(2)
    model = HintRegression(student, teacher, HiddenTarget("group1", "group1", weight=0.5))
    model.compile(sgd())
    images = faces.images[:3].astype("float32")
    kernel, bias = (np.array(each, "float64") for each in model.projector.get_weights())
    _, own = with_hidden(student, ["group1"])(images)
    _, hint = with_hidden(teacher, ["group1"])(images)
    own, hint = np.array(own["group1"], "float64"), np.array(hint["group1"], "float64")
    rows, height, width, channels = own.shape
    total = 0.0
    for row in range(rows):
        for y in range(height):
            for x in range(width):
                for channel in range(hint.shape[-1]):
                    said = bias[channel]
                    for each in range(channels):
                        said += own[row, y, x, each] * kernel[each, channel]
                    total += (said - hint[row, y, x, channel]) ** 2
    labels = {"gender": faces.labels["gender"][:3]}
    found = model.compute_loss(images, labels, model(images))
    assert float(found) == pytest.approx(0.5 * total / rows, rel=1e-4)


def test_hint_trains_what_lies_below_and_nothing_above(teacher, batches):
    student = network(2)
    before = {weight.path: weight.numpy() for weight in student.weights}
    model = HintRegression(student, teacher, HiddenTarget("group1", "group1", weight=1e-3))
    model.compile(sgd())
    history = model.fit(batches(0), steps_per_epoch=4, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    lower = {weight.path for weight in model.trainable_variables}
    moved = {w.path for w in student.weights if not np.array_equal(before[w.path], w.numpy())}
    assert lower & moved
    untouched = {w.path for w in student.trainable_variables} - lower
    assert untouched and not untouched & moved
    statistics = {w.path for w in student.non_trainable_variables if "moving" in w.path}
    assert statistics & moved and statistics - moved  # those above see no batch


def test_kept_hints_and_answers_equal_online_ones_at_flips(teacher, faces):
    """To 1e-5, whichever side of each picture the student sees."""
    kept = cache_teacher_flips(teacher, faces, layers=["group1", "features"])
    assert set(kept.soft) == {
        name + twin
        for name in ("gender", "layer:group1", "layer:features")
        for twin in ("", "|mirrored")
    }
    batch = mix({"f": kept}, {"f": 24}, (GENDER,), augmentation=FLIPS, soft=True)
    images, labels, _ = next(iter(batch))
    plain = next(iter(mix({"f": faces}, {"f": 24}, (GENDER,))))[0]
    flipped = np.abs(np.array(images) - np.array(plain, "float32")).max((1, 2, 3)) > 1
    assert 4 < flipped.sum() < 20
    outputs, hidden = with_hidden(teacher, ["group1", "features"])(images)
    for name, online in (
        ("gender", outputs["gender"]),
        (layer_column("group1"), hidden["group1"]),
        (layer_column("features"), hidden["features"]),
    ):
        np.testing.assert_allclose(labels[TEACHER][name], online, rtol=1e-5, atol=1e-5)


def test_a_student_cannot_tell_a_kept_teacher_from_one_online(teacher, faces, tmp_path):
    kept = cache_teacher_flips(teacher, faces, layers=["features"])
    ends = []
    for online, source in ((teacher, faces), (None, kept)):
        terms = [SoftTargets(3.0), HiddenTarget("features", "features", teacher_size=8)]
        student = network(2)
        keras.utils.set_random_seed(4)  # of the projector
        model = Distiller(student, online, terms=terms)
        model.compile(sgd())
        batches = mix({"f": source}, {"f": 8}, (GENDER,), 0, FLIPS, soft=online is None)
        model.fit(batches, steps_per_epoch=3, epochs=1, verbose=0)
        ends.append(student.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_teacher_is_kept_without_its_layers(teacher, faces):
    """Keras gives a list of one output as that output."""
    few = faces.take([0, 1, 2])
    kept = cache_teacher_flips(teacher, few).soft
    assert set(kept) == {"gender", "gender|mirrored"}
    online = teacher(few.images[:, :, ::-1].astype("float32"))["gender"]
    np.testing.assert_allclose(kept["gender|mirrored"], online, rtol=1e-5, atol=1e-5)


def test_kept_teachers_are_refused_where_they_do_not_fit(teacher, faces, batches):
    with pytest.raises(ValueError, match="tasks must be of"):
        cache_teacher_flips(teacher, faces, tasks=["landmarks5"])
    with pytest.raises(ValueError, match="no such layer"):
        cache_teacher_flips(teacher, faces, layers=["group9"])
    model = HintRegression(network(2), None, HiddenTarget("group1", "group1", teacher_size=6))
    model.compile(sgd())
    with pytest.raises(ValueError, match="the labels must hold its layer under TEACHER"):
        model.fit(batches(0), steps_per_epoch=1, epochs=1, verbose=0)
