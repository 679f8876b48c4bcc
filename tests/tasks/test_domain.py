"""Both adversaries of a `Domain` task: what the trunk gets from them, and what is logged."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.batches import labelled_weights
from kerasface.data.prepared import PreparedSet
from kerasface.evaluation import measure
from kerasface.models import FaceModel
from kerasface.ops import triplets
from kerasface.tasks import Classification, Domain, domain, from_config
from tests.models.tiny import SHAPE, pictures, tiny_model

SETS = ("a", "b")
GENDER = Classification("gender", ("male", "female"))
ADVERSARIES = {
    "softmax": Domain("domain", SETS, hidden=(8,)),
    "semi-hard": Domain("domain", SETS, hidden=(8,), adversary="triplet", size=6),
    "all": Domain("domain", SETS, hidden=(8,), adversary="triplet", mining="all", size=6),
}


def batch(rows=12, seed=0):
    chance = np.random.default_rng(seed)
    labels = {"gender": chance.integers(0, 2, rows), "domain": np.arange(rows) % 2}
    return pictures(rows, seed), labels


def pair(task, strength):
    """Two models of the same weights, without and with the adversary."""
    plain = tiny_model((GENDER,), seed=1)
    config = {**task.get_config(), "strength": strength}
    against = tiny_model((GENDER, from_config(config)), seed=1)
    against.trunk.set_weights(plain.trunk.get_weights())
    against.heads.head("gender").set_weights(plain.heads.head("gender").get_weights())
    return plain, against


def trunk_gradient(model, images, labels, only=None):
    """Gradient of the sum of the tasks' losses at the trunk's weights, in one backward pass."""
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        loss = sum(
            task.make_loss()(labels[task.name], outputs[task.name])
            for task in model.tasks
            if only in (None, task.name)
        )
    return [np.array(each) for each in tape.gradient(loss, model.trunk.trainable_variables)]


def test_minings_are_those_of_the_triplets():
    """Listed twice, as a task must be readable where Keras is not."""
    assert domain.MINING == triplets.MINING
    with pytest.raises(ValueError, match="Received: margin=-0.1, mining='semi-hard'"):
        Domain("domain", SETS, adversary="triplet", margin=-0.1)
    with pytest.raises(ValueError, match="mining='hard'"):
        Domain("domain", SETS, adversary="triplet", mining="hard")


@pytest.mark.parametrize("kind", ADVERSARIES)
def test_strength_zero_leaves_the_trunks_gradient_bit_for_bit(kind):
    plain, against = pair(ADVERSARIES[kind], strength=0.0)
    images, labels = batch()
    expected = trunk_gradient(plain, images, labels)
    for one, other in zip(trunk_gradient(against, images, labels), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ADVERSARIES)
def test_strength_zero_trains_the_trunk_as_without_an_adversary(kind):
    """Three steps of stock `fit`: the same weights and batch statistics, bit for bit."""
    images, labels = batch(24)
    trunks = []
    for model in pair(ADVERSARIES[kind], strength=0.0):
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
        wanted = {task.name: labels[task.name] for task in model.tasks}
        model.fit(images, wanted, batch_size=8, shuffle=False, verbose=0)
        trunks.append(model.trunk.get_weights())
    for one, other in zip(*trunks, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ADVERSARIES)
def test_the_trunk_follows_the_tasks_less_the_adversary(kind):
    """Eq. 2: at strength s the trunk's gradient is that of `L_gender - s * L_DA`."""
    plain, against = pair(ADVERSARIES[kind], strength=0.5)
    images, labels = batch()
    main = trunk_gradient(plain, images, labels)
    domain = trunk_gradient(against, images, labels, only="domain")  # reversed, times a half
    honest = pair(ADVERSARIES[kind], strength=0.0)[1]
    honest.set_weights(against.get_weights())
    head = honest.heads.head("domain")

    with tf.GradientTape() as tape:
        x = honest.features(images, training=True)
        for layer in (*head.hidden_layers, head.last, *([head.unit] if head.unit else [])):
            x = layer(x)
        loss = honest.task("domain").make_loss()(labels["domain"], x)
    unreversed = tape.gradient(loss, honest.trunk.trainable_variables)
    found = trunk_gradient(against, images, labels)
    moved = max(np.abs(each).max() for each in unreversed)
    assert moved > 0
    for one, first, second, third in zip(found, main, domain, unreversed, strict=True):
        np.testing.assert_allclose(second, -0.5 * third, atol=1e-5 * moved)
        np.testing.assert_allclose(one, first - 0.5 * third, atol=1e-5 * (1 + moved))


def test_reversal_by_hand():
    """One weight w before the reversal, an embedding of one number, two rows a set.

    Rows x = 0, 2 of set 0 and 1 of set 1, w = 1, no hidden layer, head weight 1, no unit length.
    All triplets, margin 0.2, squared: anchor 0: 4 w^2 - w^2 + 0.2; anchor 2: 4 w^2 - w^2 + 0.2.
    Mean 3 w^2 + 0.2, slope 6 w = 6 for the head (its weight enters as w does), -0.5 * 6 = -3
    for the trunk at strength 0.5.
    """
    from kerasface.layers import GradientReversal
    from kerasface.losses import DomainTripletLoss

    trunk, head = tf.Variable(1.0), tf.Variable(1.0)
    x = tf.constant([[0.0], [2.0], [1.0]])
    with tf.GradientTape() as tape:
        loss = DomainTripletLoss(mining="all")([0, 0, 1], GradientReversal(0.5)(x * trunk) * head)
    assert float(loss) == pytest.approx(3.2)
    assert [float(each) for each in tape.gradient(loss, [trunk, head])] == pytest.approx([-3, 6])


def test_the_active_share_is_in_the_logs_of_fit():
    """Against a loop over the outputs of one batch, before the first step changed a weight."""
    model = tiny_model((GENDER, ADVERSARIES["all"]), seed=2)
    images, labels = batch(10, seed=2)
    rows = np.array(model(images, training=True)["domain"], "float64")
    hinges = [
        ((rows[a] - rows[p]) ** 2).sum() - ((rows[a] - rows[n]) ** 2).sum() + 0.2
        for a in range(10)
        for p in range(10)
        for n in range(10)
        if a != p and a % 2 == p % 2 and a % 2 != n % 2
    ]
    model = tiny_model((GENDER, ADVERSARIES["all"]), seed=2)
    model.compile("sgd")
    weights = labelled_weights({name: np.ones(10, bool) for name in labels}, model.tasks)
    logs = model.fit(images, labels, sample_weight=weights, batch_size=10, verbose=0).history
    assert logs["domain_active_share"][0] == pytest.approx(np.mean(np.array(hinges) > 0), abs=2e-3)
    assert logs["domain_loss"][0] == pytest.approx(np.maximum(hinges, 0).mean(), rel=1e-3)
    assert 0 < logs["domain_active_share"][0] < 1


def test_an_embedding_is_not_measured_as_classes():
    task = ADVERSARIES["semi-hard"]
    assert measure(task, np.ones((3, 6)), np.array([0, 1, 0])) == {}
    assert measure(ADVERSARIES["softmax"], np.eye(2), np.array([0, 1]))["accuracy"] == 1.0


def test_labels_come_from_the_set_for_both():
    from kerasface.data.batches import task_columns

    none = np.full(3, "")
    faces = PreparedSet(pictures(3), {}, {}, none, "b", none)
    for task in ADVERSARIES.values():
        labels, mask = task_columns(faces, task)
        assert labels.tolist() == [1, 1, 1] and mask.all()


def test_settings_of_before_still_mean_a_softmax():
    old = {"kind": "domain", "name": "domain", "domains": ["a", "b"], "strength": 0.5}
    task = from_config(old)
    assert task.adversary == "softmax" and task.output_size == 2 and int(task.filler) == 0
    assert not task.normalize and task.make_head().normalization is None


def test_normalised_features_are_the_heads_alone():
    """Other statistics in the adversary leave what the trunk and the other tasks do unchanged."""
    task = Domain("domain", SETS, hidden=(8,), adversary="triplet", size=6, normalize=True)
    assert from_config(task.get_config()) == task != ADVERSARIES["semi-hard"]
    plain, against = pair(task, strength=0.0)
    assert against.heads.head("domain").normalization is not None
    images, labels = batch()
    expected = trunk_gradient(plain, images, labels)
    for one, other in zip(trunk_gradient(against, images, labels), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "change",
    [
        {"adversary": "wasserstein"},
        {"size": 1},
        {"margin": -0.1, "adversary": "triplet"},
        {"mining": "hard", "adversary": "triplet"},
    ],
)
def test_what_is_no_adversary_is_refused(change):
    with pytest.raises(ValueError, match="Received: "):
        Domain("domain", SETS, **change)


def test_a_model_with_a_triplet_adversary_is_saved_and_described(tmp_path):
    model = tiny_model((GENDER, ADVERSARIES["semi-hard"]), seed=3)
    model.heads.head("domain").reversal.strength.assign(0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, FaceModel) and loaded.task("domain") == ADVERSARIES["semi-hard"]
    assert float(loaded.heads.head("domain").reversal.strength) == 0.25
    images = pictures(2)
    assert images.shape[1:] == SHAPE
    for name, value in model(images).items():
        np.testing.assert_allclose(loaded(images)[name], value, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(model(images)["domain"], axis=1), 1.0, rtol=1e-5)
