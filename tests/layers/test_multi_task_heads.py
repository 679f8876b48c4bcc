"""`MultiTaskHeads`: loading saved weights into other heads is right or raises."""

import keras
import numpy as np
import pytest

from kerasface.layers import DomainDiscriminator, MultiTaskHeads
from tests.contracts import check_layer

INPUTS = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")
# All of one size, so that a mix-up would be silent; on both sides of "layers" in the alphabet.
SAVED = ("expression", "age", "race", "zygomatic", "layers2", "heads")


def heads(names):
    return MultiTaskHeads({name: keras.layers.Dense(3) for name in names}, name="heads")


class Subclassed(keras.Model):
    """A model of its own class, as `FaceModel` is."""

    def __init__(self, names):
        super().__init__()
        self.trunk = keras.layers.Dense(8)
        self.heads = heads(names)

    def call(self, inputs):
        return self.heads(self.trunk(inputs))


def make(kind, names):
    if kind == "subclassed":
        model = Subclassed(names)
        model(INPUTS)
        return model
    entry = keras.Input((8,))
    return keras.Model(entry, heads(names)(keras.layers.Dense(8)(entry)))


def test_contract(tmp_path):
    kwargs = {"heads": {name: keras.layers.Dense(size) for size, name in enumerate(SAVED, 1)}}
    check_layer_with_fresh_heads(kwargs, tmp_path)


def check_layer_with_fresh_heads(kwargs, tmp_path):
    """The contract builds the class several times; each needs layers of its own."""

    class Fresh:
        """Stands for the class, and copies the heads on construction."""

        from_config = MultiTaskHeads.from_config

        def __new__(cls, heads, **others):
            return MultiTaskHeads(
                {task: type(head).from_config(head.get_config()) for task, head in heads.items()},
                **others,
            )

    check_layer(Fresh, kwargs, INPUTS, tmp_path)


@pytest.mark.parametrize("kind", ["functional", "subclassed"])
@pytest.mark.parametrize(
    "names",
    [
        SAVED,
        SAVED[::-1],
        tuple(sorted(SAVED)),
        ("age", "zygomatic"),
        ("zygomatic",),
        ("race", "expression"),
    ],
    ids=["same", "reversed", "sorted", "two", "one", "two-reordered"],
)
def test_kept_heads_load_by_name(kind, names, tmp_path):
    saved = make(kind, SAVED)
    saved.save_weights(tmp_path / "saved.weights.h5")
    model = make(kind, names)
    model.load_weights(tmp_path / "saved.weights.h5")
    expected, outputs = saved(INPUTS), model(INPUTS)
    assert tuple(outputs) == names
    for name in names:
        np.testing.assert_array_equal(outputs[name], expected[name], err_msg=name)


@pytest.mark.parametrize("kind", ["functional", "subclassed"])
@pytest.mark.parametrize(
    "names",
    [
        (*SAVED, "new"),
        ("a_first", *SAVED),
        ("expression", "gender"),
        ("emotion", "age", "race", "zygomatic", "layers2", "heads"),
        ("age_head", "race"),
        ("other",),
    ],
    ids=["added-last", "added-first", "replaced", "renamed", "suffix", "none"],
)
def test_heads_that_were_not_saved_raise(kind, names, tmp_path):
    make(kind, SAVED).save_weights(tmp_path / "saved.weights.h5")
    with pytest.raises(ValueError, match="could not be loaded"):
        make(kind, names).load_weights(tmp_path / "saved.weights.h5")


@pytest.mark.parametrize("kind", ["functional", "subclassed"])
def test_another_size_raises(kind, tmp_path):
    make(kind, ("age",)).save_weights(tmp_path / "saved.weights.h5")
    model = make(kind, ("age",))
    wide = MultiTaskHeads({"age": keras.layers.Dense(4)}, name="heads")
    entry = keras.Input((8,))
    model = keras.Model(entry, wide(keras.layers.Dense(8)(entry)))
    with pytest.raises(ValueError):
        model.load_weights(tmp_path / "saved.weights.h5")


def test_outputs_are_float32_in_the_order_given():
    layer = MultiTaskHeads(
        {"b": keras.layers.Dense(2), "a": keras.layers.Dense(1)}, dtype="mixed_float16"
    )
    outputs = layer(keras.ops.cast(INPUTS, "float16"))
    assert list(outputs) == ["b", "a"]
    assert all(value.dtype == "float32" for value in outputs.values())


def test_training_reaches_the_heads():
    layer = MultiTaskHeads(
        {"domain": DomainDiscriminator(2, hidden=(64,), dropout=0.5)}, name="heads"
    )
    quiet, noisy = layer(INPUTS)["domain"], layer(INPUTS, training=True)["domain"]
    assert not np.allclose(quiet, noisy)


def test_a_head_by_name():
    layer = heads(("age",))
    assert layer.head("age") is layer.age_head
    with pytest.raises(KeyError, match="Received: 'aeg'"):
        layer.head("aeg")


def test_weights_know_their_task():
    layer = heads(SAVED)
    layer.build((None, 8))
    assert len(layer.trainable_weights) == 2 * len(SAVED)


@pytest.mark.parametrize("name", ["", "a/b", "age group", "_age", "7up"])
def test_bad_names(name):
    with pytest.raises(ValueError, match=f"Received: {name!r}"):
        heads((name,))


def test_no_head():
    with pytest.raises(ValueError, match="at least one task. Received"):
        MultiTaskHeads({})
