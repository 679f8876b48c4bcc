"""Keras's convolution with a faster gradient of its kernel: the same layer, faster to train."""

from __future__ import annotations

import keras
import tensorflow as tf

from kerasface.export import registered

# In bfloat16 oneDNN's gradient of a kernel goes along the maps' rows and fills a tile of 32 places
# with each: on rows of 6 most of its work is on nothing. Up to this width of the maps matrix
# products are faster (on rows of 8 they are as fast), and for 1 x 1 kernels always.
WIDEST = 7


@registered
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` whose kernel's gradient is matrix products where those are faster.

    That is in bfloat16 on TensorFlow, in training, with one stride in both directions, where what
    comes out is at most 7 wide, or for kernels of 1 x 1 with stride 1; anywhere else it is
    Keras's own pass. On one thread of a CPU with AMX a training step of `small_resnet` on 48 x 48
    faces took 13 to 20 % less; on two threads no gain was found (`benchmarks/training_step.py`
    has the ratio). Pass it as `convolution` while training; `training_layers` knows when.

    Its name is that of Keras's layer, after which files of weights name their entries: each loads
    the other's file. Gradients differ from Keras's by rounding in bfloat16.

    Call arguments:
        inputs: `(batch, height, width, channels)` float.
        training: whether gradients are wanted.
    """

    def call(self, inputs, training=False):
        if not (training and self.trainable and self._by_products(inputs)):
            return super().call(inputs)
        kernel = keras.ops.cast(self.kernel, self.compute_dtype)
        outputs = _convolve(inputs, kernel, self.strides[0], self.padding.upper())
        if self.use_bias:
            outputs = outputs + keras.ops.reshape(self.bias, (1, 1, 1, self.filters))
        return outputs if self.activation is None else self.activation(outputs)

    def _by_products(self, inputs) -> bool:
        usual = (
            self.compute_dtype == "bfloat16"
            and self.data_format == "channels_last"
            and self.padding in ("same", "valid")
            and self.groups == 1
            and set(self.dilation_rate) == {1}
            and len(set(self.strides)) == 1
            and None not in inputs.shape[1:]
        )
        if not usual:
            return False
        pointwise = set(self.kernel_size) == set(self.strides) == {1}
        return pointwise or self.compute_output_shape(inputs.shape)[2] <= WIDEST


def _convolve(inputs, kernel, stride: int, padding: str):
    """The convolution with our gradient."""

    @tf.custom_gradient
    def convolve(inputs, kernel):
        def gradients(upstream):
            back = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(inputs),
                filter=kernel,
                out_backprop=upstream,
                strides=[1, stride, stride, 1],
                padding=padding,
            )
            return back, _kernel_gradient(inputs, upstream, kernel.shape, stride, padding)

        return tf.nn.conv2d(inputs, kernel, stride, padding), gradients

    return convolve(inputs, kernel)


def _kernel_gradient(inputs, upstream, shape, stride: int, padding: str):
    """`(height, width, channels, filters)`: a product for each place of the kernel."""
    height, width, channels, filters = shape
    rows, columns = upstream.shape[1:3]
    inputs = _around(inputs, (rows, columns), (height, width), stride, padding)
    apart = inputs[None, None]
    if stride > 1:
        # Every `stride`-th place apart, by phase in height and width: cutting with steps is slow.
        high, wide = (side // stride for side in inputs.shape[1:3])
        apart = tf.reshape(inputs, (-1, high, stride, wide, stride, channels))
        apart = tf.transpose(apart, (2, 4, 0, 1, 3, 5))
    upstream = tf.reshape(upstream, (-1, filters))

    def product(y: int, x: int):
        phase = apart[y % stride, x % stride]
        y, x = y // stride, x // stride
        part = phase[:, y : y + rows, x : x + columns]
        return tf.matmul(tf.reshape(part, (-1, channels)), upstream, transpose_a=True)

    products = [product(y, x) for y in range(height) for x in range(width)]
    return tf.reshape(tf.stack(products), shape)


def _around(inputs, outcome, kernel, stride: int, padding: str):
    """Inputs with the zeros that the padding puts around them, to sides that the stride divides."""
    before, after = [], []
    for side, places, size in zip(inputs.shape[1:3], outcome, kernel, strict=True):
        needed = (places - 1) * stride + size
        before.append(max(needed - side, 0) // 2 if padding == "SAME" else 0)
        # What lies behind the last place of the kernel is never read.
        whole = -(-max(needed, before[-1] + side) // stride) * stride
        after.append(whole - side - before[-1])
    if not any(before + after):
        return inputs
    (top, left), (bottom, right) = before, after
    return tf.pad(inputs, [[0, 0], [top, bottom], [left, right], [0, 0]])
