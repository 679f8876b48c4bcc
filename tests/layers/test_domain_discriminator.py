"""`DomainDiscriminator`: the layer contract and what an adversary must do to features."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.layers import DomainDiscriminator, GradientReversal
from tests.contracts import check_layer

INPUTS = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")


@pytest.mark.parametrize("output", ["logits", "embedding"])
def test_contract(output, tmp_path):
    kwargs = {"size": 3, "hidden": (6, 4), "strength": 0.5, "output": output}
    check_layer(DomainDiscriminator, kwargs, INPUTS, tmp_path)


def test_no_hidden_layer_and_dropout(tmp_path):
    check_layer(DomainDiscriminator, {"size": 2, "hidden": ()}, INPUTS, tmp_path)
    layer = DomainDiscriminator(2, hidden=(64,), dropout=0.5)
    np.testing.assert_array_equal(layer(INPUTS), layer(INPUTS, training=False))
    assert not np.allclose(layer(INPUTS, training=True), layer(INPUTS, training=True))


def test_contract_of_the_normalised(tmp_path):
    """Its mean and deviation are of the batch in training only, so rows stay apart otherwise."""
    kwargs = {"size": 3, "hidden": (6,), "normalize": True}
    check_layer(DomainDiscriminator, kwargs, INPUTS, tmp_path)


def test_normalised_features_by_loops():
    """In training each feature of the batch has mean 0 and deviation 1; afterwards by what was
    seen: one batch moves mean and variance a tenth of the way from 0 and 1."""
    layer = DomainDiscriminator(2, hidden=(), normalize=True)
    layer.build(INPUTS.shape)
    layer.last.set_weights([np.eye(8, 2), np.zeros(2)])
    trained = keras.ops.convert_to_numpy(layer(INPUTS, training=True))
    later = keras.ops.convert_to_numpy(layer(INPUTS, training=False))
    for feature in range(2):
        column = INPUTS[:, feature].astype("float64")
        mean = sum(column) / len(column)
        variance = sum((value - mean) ** 2 for value in column) / len(column)
        for row, value in enumerate(column):
            expected = (value - mean) / (variance + 1e-4) ** 0.5
            np.testing.assert_allclose(trained[row, feature], expected, rtol=1e-4, atol=1e-5)
            expected = (value - 0.1 * mean) / (0.9 + 0.1 * variance + 1e-4) ** 0.5
            np.testing.assert_allclose(later[row, feature], expected, rtol=1e-4, atol=1e-5)


def test_a_domain_in_a_small_feature_is_found_only_when_normalised():
    """The domain moves one feature by 0.02, the others vary by 1: a hundred steps of equal rate."""
    random = np.random.default_rng(0)
    domains = np.arange(512) % 2
    inputs = random.normal(size=(512, 8))
    inputs[:, 3] = 5.0 + 0.02 * (2 * domains - 1) + 0.005 * random.normal(size=512)
    shares = {}
    for normalize in (False, True):
        keras.utils.set_random_seed(0)
        entry = keras.Input((8,))
        head = DomainDiscriminator(2, hidden=(), normalize=normalize)
        model = keras.Model(entry, head(entry))
        crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.3), loss=crossentropy)
        model.fit(inputs, domains, batch_size=64, epochs=12, verbose=0)
        shares[normalize] = (model.predict(inputs, verbose=0).argmax(1) == domains).mean()
    assert shares[True] > 0.99 and shares[False] < 0.75, shares


def test_normalisation_passes_the_reversed_gradient_on():
    """Mean and deviation of the batch take no part in a gradient that is equal for all rows."""
    layer = DomainDiscriminator(2, hidden=(), strength=0.5, normalize=True)
    layer.build(INPUTS.shape)
    features = tf.Variable(INPUTS)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(features, training=True)[:, 0] ** 2 * np.arange(5))
    reversed_gradient = np.array(tape.gradient(loss, features))
    assert np.abs(reversed_gradient).max() > 1e-3
    np.testing.assert_allclose(reversed_gradient.sum(0), 0.0, atol=1e-4)
    with tf.GradientTape() as tape:
        x = layer.last(layer.normalization(features, training=True))
        loss = tf.reduce_sum(x[:, 0] ** 2 * np.arange(5))
    unreversed = np.array(tape.gradient(loss, features))
    np.testing.assert_allclose(reversed_gradient, -0.5 * unreversed, rtol=1e-4, atol=1e-6)


def test_embedding_has_unit_length():
    embedding = DomainDiscriminator(4, output="embedding")(INPUTS)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1.0, rtol=1e-5)


def test_outputs_are_float32_under_mixed_precision():
    assert DomainDiscriminator(2, dtype="mixed_float16")(INPUTS).dtype == "float32"


def two_domains(rows):
    """Inputs `(rows, 2)`: the first tells the label, the second tells the domain."""
    rng = np.random.default_rng(0)
    label, domain = rng.integers(0, 2, rows), rng.integers(0, 2, rows)
    noise = rng.normal(size=(rows, 2)) * [0.5, 0.2]
    return (np.stack([label, domain], axis=1) * 2 - 1 + noise).astype("float32"), label, domain


def train_against(strength, steps=300, batch=64):
    """Trains trunk, label head and adversary; what of label and domain the trunk passes on.

    The trunk starts as the identity, the label head looks at the label alone. A linear
    adversary and a learning rate that goes to 0 make the game settle: in a NumPy simulation of
    it the domain fell from 1 to between 0.03 and 0.26 under each of 12 seeds.
    """
    keras.utils.set_random_seed(0)
    entry = keras.Input((2,))
    trunk = keras.layers.Dense(2, kernel_initializer="identity")
    features = trunk(entry)
    looks_at_label = keras.initializers.Constant([[-1.0, 1.0], [0.0, 0.0]])
    label = keras.layers.Dense(2, kernel_initializer=looks_at_label)(features)
    domain = DomainDiscriminator(2, hidden=(), strength=strength)(features)
    model = keras.Model(entry, {"label": label, "domain": domain})
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    decay = keras.optimizers.schedules.CosineDecay(0.3, steps)
    model.compile(keras.optimizers.SGD(decay), loss={"label": crossentropy, "domain": crossentropy})
    inputs, labels, domains = two_domains(steps * batch)
    model.fit(inputs, {"label": labels, "domain": domains}, batch_size=batch, verbose=0)
    passed = np.linalg.norm(keras.ops.convert_to_numpy(trunk.kernel), axis=1)
    return {"label": passed[0], "domain": passed[1]}


@pytest.mark.slow
def test_strength_one_removes_the_domain_and_keeps_the_label():
    plain, adversarial = train_against(0.0), train_against(1.0)
    assert plain["domain"] > 0.9 and plain["label"] > 1.5, plain
    assert adversarial["domain"] < 0.5 and adversarial["label"] > 1.5, adversarial


def test_strength_zero_leaves_the_trunk_alone():
    entry = keras.Input((2,))
    trunk = keras.layers.Dense(2)
    adversary = DomainDiscriminator(2, strength=0.0)
    model = keras.Model(entry, adversary(trunk(entry)))
    model.compile("sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    inputs, _, domains = two_domains(64)
    before = [layer.get_weights()[0] for layer in (trunk, adversary.last)]
    model.fit(inputs, domains, verbose=0)
    np.testing.assert_array_equal(trunk.get_weights()[0], before[0])
    assert np.abs(adversary.last.get_weights()[0] - before[1]).max() > 0


def test_strength_is_within_reach():
    layer = DomainDiscriminator(2, strength=0.0)
    assert isinstance(layer.reversal, GradientReversal)
    layer.reversal.strength.assign(0.5)
    assert layer.get_config()["strength"] == 0.0  # the config says how it began


@pytest.mark.parametrize("kwargs", [{"size": 0}, {"size": 2, "hidden": (0,)}])
def test_bad_sizes(kwargs):
    with pytest.raises(ValueError, match="Sizes must be at least 1. Received: size="):
        DomainDiscriminator(**kwargs)


def test_bad_output():
    with pytest.raises(ValueError, match="Received: output='softmax'"):
        DomainDiscriminator(2, output="softmax")
