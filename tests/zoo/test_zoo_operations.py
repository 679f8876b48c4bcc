"""Multiply-accumulates against sums done by hand."""

import keras
import pytest
from keras import layers

from kerasface.layers import CosineLogits
from kerasface.models import build_trunk
from kerasface.zoo import count_operations


def sequential(*stack, shape=(8, 8, 4)):
    return keras.Sequential([keras.Input(shape), *stack])


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        # 6 x 6 places, 3 x 3 x 4 inputs, 5 filters.
        (layers.Conv2D(5, 3), 36 * 36 * 5),
        (layers.Conv2D(5, 3, padding="same", strides=2), 16 * 36 * 5),
        # Two groups: each of 6 filters sees 2 of 4 channels.
        (layers.Conv2D(6, 3, groups=2, padding="same"), 64 * 9 * 2 * 6),
        (layers.Conv2D(5, 3, dilation_rate=2), 16 * 36 * 5),
        # Every one of 8 x 8 inputs is spread over 2 x 2 x 3 outputs.
        (layers.Conv2DTranspose(3, 2, strides=2), 64 * 4 * 4 * 3),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 36 * 9 * 4 * 2),
        (layers.SeparableConv2D(5, 3), 36 * (9 * 4 + 4 * 5)),
        # Applied to each of 64 places.
        (layers.Dense(7), 64 * 4 * 7),
        (CosineLogits(7), 64 * 4 * 7),
        (layers.EinsumDense("abcd,de->abce", output_shape=(8, 8, 6)), 64 * 4 * 6),
        (layers.EinsumDense("...d,de->...e", output_shape=6), 64 * 4 * 6),
        (layers.BatchNormalization(), 0),
        (layers.MaxPooling2D(), 0),
    ],
)
def test_one_layer(layer, expected):
    assert count_operations(sequential(layer), (8, 8, 4)) == expected


def test_attention_by_hand():
    """4 projections of 5 tokens x 6 x (2 heads x 3); 2 heads x 5 x 5 x 3 twice: 720 + 300."""
    tokens = keras.Input((5, 6))
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=3)(tokens, tokens)
    assert count_operations(keras.Model(tokens, attended), (5, 6)) == 720 + 300


def test_a_layer_used_twice_counts_twice():
    dense = layers.Dense(4)
    image = keras.Input((4,))
    assert count_operations(keras.Model(image, dense(dense(image))), (4,)) == 32


def test_face_model_by_hand(make_model):
    """Stem 24*24*4*27; block 2*24*24*4*36; block 12*12*8*(4 + 36 + 72); heads 8*2 + 8*8."""
    expected = 62_208 + 165_888 + 129_024 + 16 + 64
    assert count_operations(make_model(), (48, 48, 3)) == expected == 357_200


def test_vgg16_as_published():
    """At 224 x 224 its convolutions take 15,346,630,656; 48 x 48 has 2304 / 50176 of the places."""
    trunk = build_trunk("vgg16")
    assert count_operations(trunk, (48, 48, 3)) == 15_346_630_656 * 2304 // 50176


def test_what_has_no_rule_is_refused():
    class Own(layers.Layer):
        def build(self, shape):
            self.matrix = self.add_weight(shape=(shape[-1], 2), name="matrix")

        def call(self, inputs):
            return keras.ops.matmul(inputs, self.matrix)

    with pytest.raises(TypeError, match="no rule counts the operations of .*matrix"):
        count_operations(sequential(Own()), (8, 8, 4))


def test_layers_are_left_as_they_were():
    before = layers.Layer.__call__
    count_operations(sequential(layers.Dense(1)), (8, 8, 4))
    with pytest.raises(ValueError, match="."):
        count_operations(sequential(layers.Dense(1)), (8, 8, 5))
    assert layers.Layer.__call__ is before
