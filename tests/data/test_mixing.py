"""Mixed batches: composition, passes, weights, and the same batch for the same step."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.augment import Augmentation
from kerasface.data.batches import TEACHER
from kerasface.data.mixing import mix
from kerasface.tasks import Classification, Landmarks
from tests.data.partial_sets import AGE, EXPRESSION, numbered_set, numbers_of, weights_by_loops

GENDER = Classification("gender", ("male", "female"))
TASKS = (EXPRESSION, AGE, GENDER)
SEEDS = {"age": 11, "gender": 12, "expression": 13}
PAPER = {"age": 32, "gender": 32, "expression": 64}  # Distill-2MD-MTL, section 3.1


@pytest.fixture(scope="module")
def sets():
    """Three sets of one label each, of which two fifths are unknown in the first."""
    known = np.random.default_rng(0).random(75) < 0.6
    return {
        "age": numbered_set(75, AGE, known, "age", seed=11),
        "gender": numbered_set(100, GENDER, None, "gender", seed=12),
        "expression": numbered_set(130, EXPRESSION, None, "expression", seed=13),
    }


def batches(sets, count, per_batch=PAPER, tasks=TASKS, **options):
    return list(mix(sets, per_batch, tasks, **options).take(count).as_numpy_iterator())


def rows_by_set(found):
    """The rows of each set in the order in which they came."""
    rows = {name: [] for name in SEEDS}
    for images, _, _ in found:
        numbers, seeds = numbers_of(images)
        for name, seed in SEEDS.items():
            rows[name] += numbers[seeds == seed].tolist()
    return rows


def equal(one, other):
    tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def test_every_batch_has_the_stated_composition(sets):
    for images, labels, weights in batches(sets, 12):
        _, seeds = numbers_of(images)
        assert seeds.tolist() == [11] * 32 + [12] * 32 + [13] * 64
        assert set(labels) == set(weights) == {"expression", "age", "gender"}


def test_each_row_carries_its_own_labels_and_the_weights_of_the_contract(sets):
    for images, labels, weights in batches(sets, 8):
        numbers, seeds = numbers_of(images)
        for task in TASKS:
            known, values = [], []
            for number, seed in zip(numbers, seeds, strict=True):
                mine = sets[task.name]
                is_known = seed == SEEDS[task.name] and mine.masks[task.name][number]
                known.append(is_known)
                values.append(mine.labels[task.name][number] if is_known else task.filler)
            np.testing.assert_array_equal(labels[task.name], values)
            expected = weights_by_loops(known, task.alpha)
            np.testing.assert_allclose(weights[task.name], expected, rtol=1e-6)
            assert labels[task.name].dtype == task.label_dtype
            assert weights[task.name].dtype == np.float32


def test_every_row_comes_once_before_any_comes_again(sets):
    rows = rows_by_set(batches(sets, 40))
    for name, faces in sets.items():
        whole = len(rows[name]) // len(faces)
        assert whole >= 12
        passes = [tuple(rows[name][n * len(faces) : (n + 1) * len(faces)]) for n in range(whole)]
        for one in passes:
            assert sorted(one) == list(range(len(faces)))
        assert len(set(passes)) == whole  # and each pass in an order of its own


def test_sets_smaller_than_their_part_of_a_batch_and_of_one_row():
    tiny = {"three": numbered_set(3, AGE, seed=1), "one": numbered_set(1, AGE, seed=2)}
    for images, _, _ in batches(tiny, 5, {"three": 8, "one": 2}, (AGE,)):
        numbers, _ = numbers_of(images)
        counts = np.bincount(numbers[:8], minlength=3)
        assert counts.min() >= 2 and counts.max() <= 4 and numbers[8:].tolist() == [0, 0]


def test_same_seed_same_batches_and_another_seed_others(sets):
    augmented = {"augmentation": Augmentation()}
    equal(batches(sets, 3, seed=5, **augmented), batches(sets, 3, seed=5, **augmented))
    one, other = (rows_by_set(batches(sets, 3, seed=seed)) for seed in (5, 6))
    assert all(one[name] != other[name] for name in SEEDS)


def test_a_later_first_step_continues_the_same_batches(sets):
    augmented = {"augmentation": Augmentation(size=6)}
    equal(batches(sets, 9, **augmented)[4:], batches(sets, 5, first_step=4, **augmented))


def test_pictures_of_two_steps_are_changed_differently():
    noise = np.random.default_rng(0).integers(50, 200, (1, 4, 4, 3), np.uint8)
    single = {"one": replace(numbered_set(1, AGE), images=noise)}
    augmented = batches(single, 2, {"one": 4}, (AGE,), augmentation=Augmentation())
    pictures = np.concatenate([images for images, _, _ in augmented])
    assert len({picture.tobytes() for picture in pictures}) == 8


def test_sets_of_one_size_are_not_drawn_in_lockstep():
    twins = {name: numbered_set(50, AGE, seed=seed) for name, seed in SEEDS.items()}
    rows = rows_by_set(batches(twins, 20, dict.fromkeys(SEEDS, 10), (AGE,)))
    age, gender, expression = (np.array(rows[name]) for name in SEEDS)
    for one, other in ((age, gender), (age, expression), (gender, expression)):
        assert np.mean(one == other) < 0.1  # 1 in 50 by chance
        # Nor are they shifted copies of each other.
        assert max(np.mean(np.roll(one, shift) == other) for shift in range(50)) < 0.2


def test_shapes_are_known_before_the_data(sets):
    images, labels, weights = mix(sets, PAPER, TASKS).element_spec
    assert images.shape == (128, 4, 4, 3) and images.dtype == tf.uint8
    assert labels["age"].shape == (128,) and weights["age"].shape == (128,)
    augmented = mix(sets, PAPER, TASKS, augmentation=Augmentation(size=6)).element_spec
    assert augmented[0].dtype == tf.float32


def test_a_set_of_none_is_left_out(sets):
    ((images, _, weights),) = batches(sets, 1, {"age": 0, "gender": 6, "expression": 2})
    assert len(images) == 8 and not weights["age"].any() and (weights["gender"][:6] > 0).all()


def test_a_teachers_outputs_come_with_their_rows(sets):
    def taught(faces):
        soft = {t.name: np.zeros((len(faces), t.output_size)) for t in TASKS}
        for column in soft.values():
            column[:, 0] = np.arange(len(faces))
        return replace(faces, soft=soft)

    found = batches({name: taught(faces) for name, faces in sets.items()}, 3, soft=True)
    for images, labels, _ in found:
        numbers, _ = numbers_of(images)
        assert set(labels[TEACHER]) == {"expression", "age", "gender"}
        for task in TASKS:
            assert labels[TEACHER][task.name].shape == (128, task.output_size)
            np.testing.assert_array_equal(labels[TEACHER][task.name][:, 0], numbers)
    with pytest.raises(ValueError, match="run cache_teacher first"):
        mix(sets, PAPER, TASKS, soft=True)


def test_a_teachers_points_move_with_the_picture():
    task = Landmarks("landmarks5", 5)
    faces = numbered_set(6, task)
    soft = {"landmarks5": faces.labels["landmarks5"].reshape(6, 10)}
    moved = mix(
        {"faces": replace(faces, soft=soft)},
        {"faces": 6},
        (task,),
        augmentation=Augmentation(flip=0.5, rotate=20.0),
        soft=True,
    )
    for _, labels, _ in moved.take(3).as_numpy_iterator():
        assert labels[TEACHER]["landmarks5"].shape == (6, 10)
        flat = labels["landmarks5"].reshape(6, 10)
        np.testing.assert_allclose(labels[TEACHER]["landmarks5"], flat, atol=1e-6)
        nearest = np.abs(flat[:, None] - soft["landmarks5"][None]).max(-1).min(1)
        assert (nearest > 0.01).all()  # and they did move


def test_an_illegal_label_is_found_before_training_and_named(sets):
    bad = replace(sets["gender"], labels={"gender": sets["gender"].labels["gender"].copy()})
    bad.labels["gender"][7] = 2
    with pytest.raises(ValueError, match=r"gender: row 7 \(gender/7.png\)"):
        mix({**sets, "gender": bad}, PAPER, TASKS)


@pytest.mark.parametrize(
    "per_batch, words",
    [
        ({"smile": 3}, "sets out of"),
        ({"age": -1, "gender": 2}, "number of rows"),
        ({"age": 0}, "number of rows"),
        ({}, "number of rows"),
        ({"age": 2, "empty": 2}, "must have rows"),
        ({"age": 2, "large": 2}, "one size"),
    ],
)
def test_what_cannot_be_mixed_is_said(sets, per_batch, words):
    more = {"empty": sets["age"].take([]), "large": numbered_set(3, side=6)}
    with pytest.raises(ValueError, match=words) as error:
        mix({**sets, **more}, per_batch, TASKS)
    assert "Received:" in str(error.value)
