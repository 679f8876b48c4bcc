"""Several teachers' answers joined into one's."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.data import synthetic_set
from kerasface.training import join_teachers


@pytest.fixture(scope="module")
def faces():
    return synthetic_set(40, size=16, tasks=("gender",))


def said(faces, rng, size=6, **soft):
    """A set with a teacher's random answers of gender and an embedding, for both sides."""
    columns = {
        "gender": rng.normal(size=(len(faces), 2)),
        "identity": rng.normal(size=(len(faces), size)),
        "identity|mirrored": rng.normal(size=(len(faces), size)),
    }
    columns = {name: each.astype("float32") for name, each in columns.items()}
    return replace(faces, soft={**columns, **soft})


def cosines(vectors, others=None):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    others = unit if others is None else others / np.linalg.norm(others, axis=1, keepdims=True)
    return unit @ others.T


def test_logits_are_averaged_and_cosines_too(faces, rng):
    one, two = said(faces, rng), said(faces, rng, size=4)
    joined = join_teachers([one, two], ["identity"], size=10).soft
    expected = (one.soft["gender"] + two.soft["gender"]) / 2
    np.testing.assert_allclose(joined["gender"], expected, rtol=1e-6)
    assert joined["identity"].shape == (40, 10) and joined["identity"].dtype == np.float32
    for name in ("identity", "identity|mirrored"):
        expected = (cosines(one.soft[name]) + cosines(two.soft[name])) / 2
        np.testing.assert_allclose(cosines(joined[name]), expected, atol=1e-5)
    # One turn for both sides: a face and its mirror image stay as far apart as they were.
    sides = [cosines(each.soft["identity"], each.soft["identity|mirrored"]) for each in (one, two)]
    found = cosines(joined["identity"], joined["identity|mirrored"])
    np.testing.assert_allclose(found, np.mean(sides, axis=0), atol=1e-5)


def test_a_teacher_and_the_same_one_turned_say_what_one_says(faces, rng):
    one = said(faces, rng)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0].astype("float32")
    turned = {name: each @ turn for name, each in one.soft.items() if name != "gender"}
    two = replace(one, soft={"gender": one.soft["gender"], **turned})
    joined = join_teachers([one, two], ["identity"]).soft
    np.testing.assert_allclose(
        cosines(joined["identity"]), cosines(one.soft["identity"]), atol=1e-5
    )


def test_fewer_directions_keep_most_of_the_products(faces, rng):
    """No other five directions come nearer to the products: random ones do not."""
    one, two = said(faces, rng), said(faces, rng)
    both = [each.soft["identity"] for each in (one, two)]
    both = np.concatenate([each / np.linalg.norm(each, axis=1, keepdims=True) for each in both], 1)
    kept = join_teachers([one, two], ["identity"], size=5).soft["identity"]
    assert kept.shape == (40, 5)
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 1, atol=1e-5)
    values, vectors = np.linalg.eigh(both.T @ both)
    best = both @ vectors[:, np.argsort(values)[::-1][:5]]
    np.testing.assert_allclose(cosines(kept), cosines(best), atol=1e-4)


def test_one_teacher_stays_as_it_is_but_for_length_and_turn(faces, rng):
    one = said(faces, rng)
    joined = join_teachers([one], ["identity"])
    np.testing.assert_array_equal(joined.soft["gender"], one.soft["gender"])
    np.testing.assert_allclose(
        cosines(joined.soft["identity"]), cosines(one.soft["identity"]), atol=1e-5
    )
    assert set(joined.soft) == set(one.soft) and joined.labels is one.labels


def test_fewer_faces_than_directions(faces, rng):
    few = [said(faces, rng).take(range(3)) for _ in range(2)]
    joined = join_teachers(few, ["identity"]).soft["identity"]
    expected = np.mean([cosines(each.soft["identity"]) for each in few], axis=0)
    assert joined.shape == (3, 6)
    np.testing.assert_allclose(cosines(joined), expected, atol=1e-5)


def test_what_does_not_fit_is_refused(faces, rng):
    one = said(faces, rng)
    for sets, embeddings, size, message in (
        ([], (), None, "at least one teacher"),
        ([one, said(faces, rng).take(range(39))], (), None, "the same faces"),
        ([one, replace(one, soft={"gender": one.soft["gender"]})], (), None, "must answer alike"),
        ([one], ["idenity"], None, "no such columns: \\['idenity'\\]"),
        ([one, one], ["identity"], 13, "Received: size=13"),
        ([one], ["identity"], 0, "Received: size=0"),
        ([one, said(faces, rng, size=4)], (), None, "identity must have one shape"),
    ):
        with pytest.raises(ValueError, match=message):
            join_teachers(sets, embeddings, size)
