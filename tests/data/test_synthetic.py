"""Drawn faces: labels that fit the picture, one picture everywhere, domains that differ."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from kerasface.data.synthetic import (
    EXPRESSIONS,
    STYLES,
    TASKS,
    draw_face,
    draw_faces,
    face_landmarks,
    sample_faces,
    split_identities,
    synthetic_set,
)
from kerasface.data.synthetic.anatomy import build_faces, rotation
from kerasface.data.synthetic.parameters import SHAPES
from kerasface.data.synthetic.randomness import bell, key_of, random_bits, uniform

LARGE = 256  # pixels at which places are compared
# sha256 of the first 24 pictures of seed 5, as drawn on x86-64 with and without AVX.
DIGESTS = {
    "photo": "d1f6244b8158eab2c1f3cb1738256eae8de5aa86ad9b5fb3ee92680ce9c04aae",
    "sketch": "0e3a388f0bf7037487a3ef5eb2fb46af60e994edbc244f4ac5ab1e1b74a114b6",
    "comic": "e71c405a21e3d34697ca2ae723a29a2827399f62f72df2936a6b0d7e5cffaee0",
}


def digest(images):
    return hashlib.sha256(images.tobytes()).hexdigest()


def frontal(count=6, seed=2, expression="neutral"):
    """Adults without beard and long hair, looking straight into even light."""
    faces = sample_faces(count * 7, count, seed)
    faces = faces.take(faces.expression == EXPRESSIONS.index(expression))
    zero = np.zeros(len(faces))
    return replace(
        faces,
        age=zero + 25,
        beard=zero,
        hair_length=zero - 0.35,
        yaw=zero,
        pitch=zero,
        roll=zero,
        noise=zero,
        light=np.zeros((len(faces), 2)),
        shift=np.zeros((len(faces), 2)),
        scale=zero + 0.95,
    )


def changed(first, second):
    """Rows and columns of the pixels that differ between two pictures."""
    return np.nonzero(np.abs(first.astype(int) - second).max(axis=-1) > 4)


@pytest.mark.parametrize("style", STYLES)
def test_a_set_has_all_labels_of_every_face(style):
    faces = synthetic_set(30, style, seed=1)
    assert faces.images.shape == (30, 48, 48, 3) and faces.images.dtype == np.uint8
    assert tuple(faces.labels) == TASKS and faces.domain == f"synthetic_{style}"
    assert {name: column.dtype.name for name, column in faces.labels.items()} == {
        "expression": "int32",
        "age": "float32",
        "gender": "int32",
        "identity": "int32",
        "landmarks5": "float32",
        "landmarks68": "float32",
    }
    assert faces.labels["landmarks5"].shape == (30, 5, 2)
    assert faces.labels["landmarks68"].shape == (30, 68, 2)
    assert all(mask.all() and mask.shape == (30,) for mask in faces.masks.values())
    assert len(set(faces.subjects)) == 8 and len(set(faces.names)) == 30


def test_only_the_tasks_asked_for_are_labelled():
    faces = synthetic_set(4, "comic", tasks=("age",), size=32)
    assert set(faces.labels) == set(faces.masks) == {"age"}
    assert faces.images.shape == (4, 32, 32, 3)


@pytest.mark.parametrize("style", STYLES)
def test_a_picture_is_the_same_on_every_platform(style):
    assert digest(synthetic_set(24, style, seed=5).images) == DIGESTS[style]


def test_other_seeds_are_other_people():
    first, second = (synthetic_set(8, seed=seed) for seed in (0, 1))
    assert not set(first.subjects) & set(second.subjects)
    assert np.abs(first.images.astype(int) - second.images).mean() > 5


@pytest.mark.parametrize("style", STYLES)
def test_a_face_does_not_depend_on_the_others_drawn_with_it(style):
    parameters = sample_faces(40, 10, seed=3)
    together = draw_faces(parameters, style)
    for row in (0, 17, 39):
        np.testing.assert_array_equal(draw_face(parameters.take(row), style), together[row])
    smaller = synthetic_set(9, style, seed=3, identities=10)
    np.testing.assert_array_equal(smaller.images, together[:9])


def test_people_and_expressions_are_balanced():
    labels = synthetic_set(70 * 3, seed=2, identities=30).labels
    assert set(np.bincount(labels["identity"])) == {7}
    assert set(np.bincount(labels["expression"])) == {30}
    both = np.unique(np.stack([labels["identity"], labels["expression"]]), axis=1)
    assert both.shape[1] == 210
    assert 0.3 < labels["gender"].mean() < 0.7
    assert labels["age"].min() < 15 and labels["age"].max() > 70


def test_a_person_stays_the_same_and_styles_draw_the_same_people():
    faces = sample_faces(24, 4, seed=6)
    for person in range(4):
        own = faces.take(faces.identity == person)
        assert len(own) == 6
        for name in ("shape", "skin", "hair", "iris", "hair_length", "gender"):
            assert len(np.unique(getattr(own, name), axis=0)) == 1
        assert np.ptp(own.age) <= 4
    sets = [synthetic_set(24, style, seed=6, identities=4) for style in STYLES]
    for task in ("expression", "age", "gender", "identity"):
        for other in sets[1:]:
            np.testing.assert_array_equal(sets[0].labels[task], other.labels[task])
    assert list(sets[0].subjects) == list(sets[1].subjects)


def test_genders_differ_in_the_mean_and_overlap():
    people = sample_faces(600, 600, seed=4)
    male, female = (people.take(people.gender == gender) for gender in (0, 1))
    thick = list(SHAPES).index("brow_thick")
    assert male.shape[:, thick].mean() > female.shape[:, thick].mean() + 0.005
    assert male.shape[:, thick].min() < female.shape[:, thick].mean()
    assert (female.hair_length > 0).mean() > 0.6 > 0.4 > (male.hair_length > 0).mean() > 0
    assert not female.beard.any() and 0.2 < (male.beard > 0).mean() < 0.45


@pytest.mark.parametrize("style", STYLES)
def test_landmarks_lie_in_the_crop_in_ibug_order(style):
    labels = synthetic_set(200, style, seed=8).labels
    points, five = labels["landmarks68"], labels["landmarks5"]
    assert points.min() >= 0 and points.max() <= 1
    x, y = points[..., 0], points[..., 1]
    assert (np.diff(x[:, 3:14]) > 0).all()  # jaw, left to right of the picture
    assert (np.diff(y[:, :7]) > 0).all() and (np.diff(y[:, 10:17]) < 0).all()
    assert (np.diff(x[:, 17:27]) > 0).all()  # brows
    assert (np.diff(y[:, 27:31]) > 0).all() and (np.diff(x[:, 31:36]) > 0).all()  # nose
    for eye in (36, 42):
        assert (np.diff(x[:, eye : eye + 4]) > 0).all()
        assert (x[:, eye + 4] > x[:, eye + 5]).all()
        # Upper lid above lower lid, in the middle where a tilt of the head cannot matter.
        upper, lower = y[:, eye + 1 : eye + 3].mean(1), y[:, eye + 4 : eye + 6].mean(1)
        assert (upper < lower).all()
    assert (x[:, 39] < x[:, 42]).all()
    assert (np.diff(x[:, 48:55]) > 0).all() and (np.diff(x[:, 54:60]) < 0).all()  # outer lips
    assert (np.diff(x[:, 60:65]) > 0).all() and (np.diff(x[:, 64:68]) < 0).all()  # inner lips
    order = y[:, 51] < y[:, 62], y[:, 62] <= y[:, 66] + 1e-6, y[:, 66] < y[:, 57]
    assert all(each.all() for each in order)
    np.testing.assert_allclose(five[:, 0], points[:, 36:42].mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(five[:, 1], points[:, 42:48].mean(axis=1), atol=1e-6)
    np.testing.assert_array_equal(five[:, 2:], points[:, [30, 48, 54]])


def test_recoloured_irises_change_the_picture_round_the_eye_points():
    faces = frontal()
    other = replace(faces, iris=1 - faces.iris)
    before, after = (draw_faces(each, "photo", LARGE) for each in (faces, other))
    points = face_landmarks(faces, "photo") * LARGE
    for row in range(len(faces)):
        rows, columns = changed(before[row], after[row])
        for eye, side in ((slice(36, 42), columns < LARGE / 2), (slice(42, 48), columns > 128)):
            low, high = points[row, eye].min(axis=0), points[row, eye].max(axis=0)
            middle = points[row, eye].mean(axis=0)
            assert abs(columns[side].mean() + 0.5 - middle[0]) < 0.5
            # The lids' highest and lowest points lie between two landmarks each.
            assert rows[side].min() > low[1] - 4 and rows[side].max() < high[1] + 4


def test_painted_lips_change_the_picture_between_the_lip_points():
    faces = frontal(expression="happy")
    plain, painted = (
        draw_faces(replace(faces, make_up=np.full(len(faces), share)), "comic", LARGE)
        for share in (0.0, 1.0)
    )
    points = face_landmarks(faces, "comic") * LARGE
    for row in range(len(faces)):
        rows, columns = changed(plain[row], painted[row])
        lips = rows > points[row, 33, 1]  # lashes change too
        low, high = points[row, 48:60].min(axis=0), points[row, 48:60].max(axis=0)
        # The very corners are thinner than a pixel.
        assert abs(columns[lips].min() - low[0]) < 6 and abs(columns[lips].max() - high[0]) < 6
        assert abs(rows[lips].max() - high[1]) < 2
        assert rows[lips].min() > low[1] - 2


def test_pencil_lines_of_a_sketch_run_through_the_landmarks():
    faces = frontal()
    for expression in EXPRESSIONS:
        faces = frontal(expression=expression)
        pictures = draw_faces(faces, "sketch", LARGE)[..., 0].astype(float)
        points = face_landmarks(faces, "sketch")
        drawn = [*range(4, 13), *range(18, 21), *range(23, 26), *range(32, 35), 37, 38, 43, 44, 62]
        place = np.clip((points[:, drawn] * LARGE).astype(int), 0, LARGE - 1)
        ink = np.take_along_axis(
            pictures.reshape(len(faces), -1), place[..., 1] * LARGE + place[..., 0], axis=1
        )
        paper = np.median(pictures)
        assert paper > 220 and (ink < 0.65 * paper).all()


def test_turning_the_head_moves_the_nose_to_the_side_it_turns_to():
    face = frontal().take(0)
    straight = face_landmarks(face)[0]

    def nose_beside_eyes(points):
        return points[30] - points[36:48].mean(axis=0)

    right = face_landmarks(replace(face, yaw=np.array([15.0])))[0]
    down = face_landmarks(replace(face, pitch=np.array([12.0])))[0]
    assert nose_beside_eyes(right)[0] > nose_beside_eyes(straight)[0] + 0.02
    assert nose_beside_eyes(down)[1] > nose_beside_eyes(straight)[1] + 0.01
    rolled = face_landmarks(replace(face, roll=np.array([10.0])))[0]
    across = rolled[45] - rolled[36]
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(10, abs=0.5)


def test_age_greys_the_hair_and_deepens_every_wrinkle():
    face = frontal().take([0] * 5)
    older = build_faces(replace(face, age=np.array([5.0, 25.0, 45.0, 60.0, 80.0])))
    for strength in (older.fold_strength, older.line_strength, older.bag_strength):
        assert (np.diff(strength[1:]) > 0).all()
    assert (np.diff(older.grey[1:]) > 0).all() and older.grey[0] == older.grey[1] == 0
    eye_over_head = older.upper_lids[0].half / older.outline.chin
    assert eye_over_head[0] > eye_over_head[1]  # a child's eyes are large for its face


def test_a_split_by_identity_shares_nobody():
    faces = synthetic_set(60, identities=12, tasks=("expression",), size=16)
    train, test = split_identities(faces, held_out=0.25, seed=1)
    assert len(set(train.subjects)) == 9 and len(set(test.subjects)) == 3
    assert not set(train.subjects) & set(test.subjects) and len(train) + len(test) == 60
    assert set(split_identities(faces, 0.25, 2)[1].subjects) != set(test.subjects)
    with pytest.raises(ValueError, match="between 0 and 1. Received: held_out=1.0"):
        split_identities(faces, held_out=1.0)
    with pytest.raises(ValueError, match="Received: 1 subjects"):
        split_identities(faces.take([0]))


def test_bad_requests_are_refused_in_one_line():
    with pytest.raises(ValueError, match="did you mean 'sketch'. Received: style='sketchy'"):
        synthetic_set(4, "sketchy")
    with pytest.raises(ValueError, match="did you mean 'landmarks68'. Received: 'landmark68'"):
        synthetic_set(4, tasks=("landmark68",))
    with pytest.raises(ValueError, match="Received: count=0"):
        synthetic_set(0)
    with pytest.raises(ValueError, match="Received: seed=-1"):
        synthetic_set(4, seed=-1)
    with pytest.raises(ValueError, match="Received: size=8"):
        synthetic_set(4, size=8)
    with pytest.raises(ValueError, match="Received: parameters of 2 faces"):
        draw_face(sample_faces(2, 2, 0))


def test_rotation_is_cosine_and_sine():
    degrees = np.linspace(-25, 25, 101)
    cosine, sine = rotation(degrees)
    np.testing.assert_allclose(cosine, np.cos(np.radians(degrees)), atol=1e-6)
    np.testing.assert_allclose(sine, np.sin(np.radians(degrees)), atol=1e-6)


def test_random_numbers_are_a_function_of_their_place():
    key = key_of(7, "test")
    np.testing.assert_array_equal(random_bits(key, 50, 4)[:20], random_bits(key, 20, 4))
    assert key != key_of(7, "tests") and key != key_of(8, "test")
    flat = uniform(key, 20000, 3)
    assert flat.min() >= 0 and flat.max() < 1
    np.testing.assert_allclose(flat.mean(axis=0), 0.5, atol=0.01)
    round_ = bell(key, 20000, 2)
    np.testing.assert_allclose(round_.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(round_.std(axis=0), 1, atol=0.03)
    assert abs(np.corrcoef(np.concatenate([flat, round_], axis=1).T)[0, 1:3]).max() < 0.03
