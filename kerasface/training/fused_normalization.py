"""Batch normalisation by TensorFlow's fused kernel: the same layer, faster to train."""

from __future__ import annotations

import keras
import tensorflow as tf

from kerasface.export import registered


@registered
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` whose training pass is one fused TensorFlow kernel.

    Keras normalises in several element-wise operations, which cost a CPU about a third of the
    training step of a small network in bfloat16 (`benchmarks/` has the ratio). Variables, their
    order and the inference pass are those of the Keras layer: pass it as `normalization` while
    training on TensorFlow, then give the weights to a model built with the Keras layer by
    `plain.set_weights(fused.get_weights())`. A file of weights names layers by their class, so
    `load_weights` refuses the other's file.

    Differs from Keras in one thing: the moving variance is fed the unbiased batch variance
    (divided by n - 1), as the fused kernel gives it.

    Call arguments:
        inputs: `(batch, height, width, channels)` float. Other ranks, another axis, layers
            without scale or centre, and synchronised ones use Keras's own pass.
        training: whether to normalise by the batch's own statistics.
        mask: as in the Keras layer; with a mask its own pass is used.
    """

    def call(self, inputs, training=None, mask=None):
        fused = (
            (training and self.trainable)
            and mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and not self.synchronized
        )
        if not fused:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1.0 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1.0 - keep))
        return outputs
