"""P x K batches: different people, their pictures in turn, a function of the step."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from kerasface.data.augment import Augmentation
from kerasface.data.batches import TEACHER, mirrored_column
from kerasface.data.identity_batches import IdentityPlan, identity_arrays, identity_batches
from kerasface.tasks import Classification, Embedding
from tests.data.partial_sets import EXPRESSION, numbered_set, numbers_of

IDENTITY = Embedding("identity", 8)


def crowd():
    """Subjects of 121 rows: ten people of 2 to 20 pictures, two of one, nine rows of no one."""
    names = [f"p{n}" for n in range(10) for _ in range(2 + 2 * n)] + ["once", "single"] + [""] * 9
    return np.random.default_rng(1).permutation(names)


def test_a_batch_holds_p_people_with_k_pictures_each():
    subjects = crowd()
    plan = IdentityPlan(subjects, people=4, pictures=3, seed=2)
    for step in range(30):
        rows = plan.rows(step)
        assert rows.shape == (12,) and rows.dtype == np.int64
        people = subjects[rows].reshape(4, 3)
        assert all(len(set(row)) == 1 for row in people) and len(set(people[:, 0])) == 4
        for person, own in zip(people[:, 0], rows.reshape(4, 3), strict=True):
            assert len(set(own)) == min(3, (subjects == person).sum())


def test_codes_number_the_people_that_can_be_used():
    subjects = crowd()
    codes = IdentityPlan(subjects, 2, 2).codes
    assert codes.dtype == np.int32
    for subject, code in zip(subjects, codes, strict=True):
        assert code == (int(subject[1:]) if subject.startswith("p") else -1)


def test_no_person_twice_in_a_round_and_all_within_a_few():
    plan = IdentityPlan(crowd(), people=4, pictures=2)
    assert plan.batches_per_round == 2  # of ten people, eight
    seen = Counter()
    for turn in range(40):
        rows = np.concatenate([plan.rows(turn * 2 + place) for place in range(2)])
        people = plan.codes[rows].reshape(8, 2)[:, 0]
        assert len(set(people)) == 8
        seen.update(people.tolist())
    assert len(seen) == 10 and min(seen.values()) > 24  # 32 on average


def test_a_persons_pictures_come_in_turn():
    """Twelve pictures, four at a time: three visits show all of them, then again in new order."""
    plan = IdentityPlan(["a"] * 12 + ["b"] * 12, people=2, pictures=4)
    visits = [rows.tolist() for step in range(6) for rows in np.split(plan.rows(step), 2)]
    own = [rows for rows in visits if rows[0] < 12]
    assert sorted(sum(own[:3], [])) == sorted(sum(own[3:], [])) == list(range(12))
    assert own[:3] != own[3:]


def test_someone_with_few_pictures_is_shown_in_all_of_them():
    plan = IdentityPlan(["a"] * 3 + ["b"] * 9, people=2, pictures=7)
    counts = Counter(row for row in plan.rows(0).tolist() if row < 3)
    assert sorted(counts.values()) == [2, 2, 3]


def test_the_same_batch_for_the_same_step():
    one, other = IdentityPlan(crowd(), 3, 2, seed=1), IdentityPlan(crowd(), 3, 2, seed=1)
    later = [other.rows(step) for step in reversed(range(20))][::-1]
    np.testing.assert_array_equal([one.rows(step) for step in range(20)], later)
    another = IdentityPlan(crowd(), 3, 2, seed=2)
    assert any((one.rows(step) != another.rows(step)).any() for step in range(3))


@pytest.fixture(scope="module")
def faces():
    return numbered_set(60, EXPRESSION, np.arange(60) % 4 > 0)


def test_tf_data_and_numpy_give_the_same_batches(faces):
    tasks = (IDENTITY, EXPRESSION)
    options = {"people": 5, "pictures": 2, "seed": 3}
    stream = identity_batches(faces, tasks, **options).take(6).as_numpy_iterator()
    arrays = identity_arrays(faces, tasks, **options)
    for step, (images, labels, weights) in enumerate(stream):
        expected = arrays[step]
        np.testing.assert_array_equal(images, expected[0])
        for name in ("identity", "expression"):
            np.testing.assert_array_equal(labels[name], expected[1][name])
            np.testing.assert_allclose(weights[name], expected[2][name], rtol=1e-6)
        numbers, _ = numbers_of(images)
        people = np.unique(faces.subjects, return_inverse=True)[1]
        assert labels["identity"].tolist() == people[numbers].tolist()
        assert labels["identity"].dtype == np.int32 and (weights["identity"] == 1).all()
        known = faces.masks["expression"][numbers]
        assert ((weights["expression"] > 0) == known).all()


def test_a_later_first_step_continues(faces):
    options = {"people": 4, "pictures": 2, "augmentation": Augmentation(size=6)}
    whole = list(identity_batches(faces, [IDENTITY], **options).take(6).as_numpy_iterator())
    rest = identity_batches(faces, [IDENTITY], first_step=3, **options).take(3).as_numpy_iterator()
    for one, other in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    numpy = identity_arrays(faces, [IDENTITY], people=4, pictures=2)
    later = identity_arrays(faces, [IDENTITY], people=4, pictures=2, first_step=3)
    np.testing.assert_array_equal(numpy[3][0], later[0][0])


def test_shapes_are_known_before_the_data(faces):
    images, labels, weights = identity_batches(faces, [IDENTITY], 4, 2).element_spec
    assert images.shape == (8, 4, 4, 3) and labels["identity"].shape == weights["identity"].shape


def test_what_cannot_be_drawn_is_said(faces):
    with pytest.raises(ValueError, match="only 20 people"):
        identity_arrays(faces, [IDENTITY], people=21, pictures=2)
    with pytest.raises(ValueError, match="only 0 people"):
        identity_arrays(replace(faces, subjects=np.full(60, "")), [IDENTITY], people=2)
    with pytest.raises(ValueError, match="must be named 'identity'"):
        identity_batches(faces, [EXPRESSION])
    for people, pictures in ((1, 2), (2, 1)):
        with pytest.raises(ValueError, match="Received: people="):
            IdentityPlan(faces.subjects, people, pictures)


def test_a_kept_teacher_comes_along_and_knows_the_side(faces):
    """What the teacher said of row n is n, of its mirror image n + 1000."""
    said = np.repeat(np.arange(60, dtype="float32")[:, None], 3, axis=1)
    taught = replace(faces, soft={"expression": said, mirrored_column("expression"): said + 1000})
    always = Augmentation(1.0, 0, 0, 0, 0, 0, 0, 0)
    for augmentation, more in ((None, 0), (always, 1000)):
        batches = identity_batches(
            taught, (IDENTITY, EXPRESSION), 5, 2, augmentation=augmentation, soft=True
        )
        images, labels, _ = next(iter(batches))
        numbers, _ = numbers_of(images)
        assert labels[TEACHER]["expression"][:, 0].numpy().tolist() == (numbers + more).tolist()
    with pytest.raises(ValueError, match="run cache_teacher first"):
        identity_batches(faces, (IDENTITY, EXPRESSION), 5, 2, soft=True)


def test_any_task_may_be_the_identity(faces):
    who = Classification("who", [str(n) for n in range(20)], alpha=0.5)
    _, labels, weights = identity_arrays(faces, [who], 3, 2, identity="who")[0]
    assert set(labels) == {"who"} and (weights["who"] == 0.5).all()
