import numpy as np
import pytest

from kerasface.tasks import Embedding

TASK = Embedding("identity", 8, margin=0.2)


def test_vectors_have_length_one():
    outputs = TASK.make_head()(np.random.default_rng(0).normal(0, 9, (5, 12)).astype("float32"))
    np.testing.assert_allclose(np.linalg.norm(outputs, axis=1), 1.0, atol=1e-6)


def test_a_name_always_gives_the_same_number():
    """SHA-1 of "Ada Lovelace" begins with the bytes 5b 8d..; any Python, any machine."""
    import hashlib

    first = int(hashlib.sha1(b"Ada Lovelace").hexdigest()[:8], 16)
    assert int(TASK.encode("Ada Lovelace")) == first & 0x7FFFFFFF
    assert TASK.encode("Ada Lovelace") == Embedding("other", 4).encode("Ada Lovelace")


def test_names_get_numbers_of_their_own():
    numbers = {int(TASK.encode(f"person {index}")) for index in range(2000)}
    assert len(numbers) == 2000 and 0 <= min(numbers) and max(numbers) < 2**31


def test_answer_is_the_vector():
    vector = np.eye(8)[2].astype("float32")
    assert TASK.decode(vector[None]) == [{"embedding": [0, 0, 1, 0, 0, 0, 0, 0]}]


@pytest.mark.parametrize("change", [{"size": 1}, {"margin": -0.1}, {"margin": float("nan")}])
def test_refuses_a_size_or_margin_too_small(change):
    with pytest.raises(ValueError, match="Received: size="):
        Embedding("identity", **{"size": 8, **change})


def test_faces_of_one_person_come_together():
    """A few steps on the loss alone: own people nearer than all others."""
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    labels = np.repeat(np.arange(4, dtype="int32"), 4)
    labels[-1] = -1
    features = np.random.default_rng(0).normal(size=(16, 20)).astype("float32")
    model = keras.Sequential([keras.Input((20,)), TASK.make_head()])
    model.compile(keras.optimizers.Adam(0.02), loss=TASK.make_loss())
    history = model.fit(features, labels, batch_size=16, epochs=30, verbose=0).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]


def test_features_may_be_the_vector_themselves():
    """(3, 4) has length 5 and becomes (0.6, 0.8); no weight is trained."""
    task = Embedding("knowledge", 2, project=False)
    head = task.make_head()
    np.testing.assert_allclose(head(np.array([[3.0, 4.0]], "float32")), [[0.6, 0.8]], atol=1e-6)
    assert head.name == "knowledge_head" and not head.weights
    assert task.get_config()["project"] is False and "project" not in TASK.get_config()
