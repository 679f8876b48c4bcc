"""Batch normalisation by TensorFlow's fused kernels: the same layer, faster to train."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf

from kerasface.export import registered
from kerasface.training.balancing.replicas import replica_count, sum_over_replicas
from kerasface.training.devices import Devices


def training_normalization(devices: Devices | None = None, **config) -> Callable[..., keras.Layer]:
    """Batch normalisation as it trains fastest and sees the rows of all devices.

    On TensorFlow `FusedBatchNormalization`, `synchronized` where there are several devices; on
    another backend Keras's own, whose step is of the global batch there. Weights are saved under
    one name on any number of devices.

    Args:
        devices: of the training, default one.
        **config: of the layer, such as `momentum`.

    Returns:
        What makes a layer: `normalization` of `FaceModel.from_spec`.

    Example:

        normalization = training_normalization(devices, momentum=0.9)
        model = FaceModel.from_spec(spec, normalization=normalization)
    """
    if keras.backend.backend() != "tensorflow":
        return partial(keras.layers.BatchNormalization, **config)
    several = devices is not None and devices.replicas > 1
    return partial(FusedBatchNormalization, synchronized=several, **config)


@registered
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` whose passes are one fused TensorFlow kernel each.

    Keras normalises in several element-wise operations, which cost a CPU about a third of the
    training step of a small network in bfloat16 (`benchmarks/` has the ratio), and slow its
    answers while it is measured. Variables and their order are those of the Keras layer: pass it
    as `normalization` while training on TensorFlow, then give the weights to a model built with
    the Keras layer by `plain.set_weights(fused.get_weights())`. A file of weights names layers by
    their class, so `load_weights` refuses the other's file.

    Differs from Keras in one thing: the moving variance is fed the unbiased batch variance
    (divided by n - 1), as the fused kernel gives it. A `synchronized` one trains on several
    replicas as this one does on one device: mean and variance are of all replicas' rows.

    Call arguments:
        inputs: `(batch, height, width, channels)` float. Other ranks, another axis, and layers
            without scale or centre use Keras's own pass.
        training: whether to normalise by the batch's own statistics.
        mask: as in the Keras layer; with a mask its own pass is used.
    """

    def call(self, inputs, training=None, mask=None):
        fused = (
            mask is None
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
        )
        if not fused:
            return super().call(inputs, training=training, mask=mask)
        if not (training and self.trainable):
            return self._fused(inputs, self.moving_mean, self.moving_variance)[0]
        if self.synchronized and replica_count() > 1 and tf.distribute.get_replica_context():
            outputs, mean, variance = self._over_replicas(inputs)
        else:
            outputs, mean, variance = self._in_one_pass(inputs)
        keep = self.momentum
        self.moving_mean.assign(self.moving_mean * keep + mean * (1.0 - keep))
        self.moving_variance.assign(self.moving_variance * keep + variance * (1.0 - keep))
        return outputs

    def _in_one_pass(self, inputs):
        """Outputs, mean and unbiased variance of this device's rows."""
        return self._fused(inputs)

    def _fused(self, inputs, mean=None, variance=None):
        """Outputs, mean and variance; of the inputs themselves where none is given."""
        statistics = [
            tf.zeros([0]) if each is None else tf.cast(each, tf.float32)
            for each in (mean, variance)
        ]
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=statistics[0],
            variance=statistics[1],
            epsilon=self.epsilon,
            is_training=mean is None,
        )
        return outputs, mean, variance

    def _over_replicas(self, inputs):
        """The same of all replicas' rows, of which each has as many."""
        values = tf.cast(inputs, tf.float32)
        channels = tf.shape(values)[-1]
        count = tf.cast(replica_count() * tf.size(values) // channels, tf.float32)
        sums = [tf.reduce_sum(values, (0, 1, 2)), tf.reduce_sum(tf.square(values), (0, 1, 2))]
        # Together: several reductions at once may meet in another order on each device.
        mean, square = tf.unstack(sum_over_replicas(tf.stack(sums)) / count)
        variance = tf.maximum(square - tf.square(mean), 0.0)
        outputs = tf.nn.batch_normalization(
            values, mean, variance, self.beta, self.gamma, self.epsilon
        )
        return tf.cast(outputs, inputs.dtype), mean, variance * count / (count - 1.0)
