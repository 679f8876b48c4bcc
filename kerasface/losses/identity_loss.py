"""What losses on identities need beside Keras's `Loss`: exact labels, a mask, a kept dtype."""

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.distances import distance_function


@registered
class IdentityLoss(keras.losses.Loss):
    """Loss of a whole batch of embeddings with integer identities; subclasses give `batch_loss`.

    Three things differ from `keras.losses.Loss`:

    - `Loss.__call__` casts labels to float32, where identities above 2^24 collide. Labels keep
      their dtype here. (JAX without 64 bit makes them int32: exact below 2^31.)
    - A row of weight 0 is left out of all pairs. The value of the batch counts as the value of
      each of its rows, so Keras's default reduction multiplies it by the mean weight. Under the
      batch contract's weights, `alpha * batch / labelled`, that gives `alpha` times the loss of
      the labelled rows; on several replicas, the mean of theirs by number of labelled rows.
    - `get_config` keeps `dtype`.

    Args:
        margin: float >= 0, in the unit of the distance. Defaults to 1.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"` (cosine distance) or a function
            `(batch, dim) -> (batch, batch)`, registered with Keras if it is to be saved.
            Defaults to `"L2"`.
        name: str, name of the loss.
        **kwargs: `reduction` and `dtype` of `keras.losses.Loss`. The dtype is that of the result;
            distances are always taken in float32 at least.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integers; anything where the weight is 0.
        y_pred: `(batch, dim)` float embeddings.
        sample_weight: `(batch,)` or `(batch, 1)` floats, or None.

    Returns:
        Scalar, or `(batch,)` with `reduction=None`.

    Raises:
        ValueError: for a negative margin or an unknown distance.
    """

    def __init__(self, margin=1.0, distance_metric="L2", name=None, **kwargs):
        super().__init__(name=name, **kwargs)
        if not margin >= 0:
            raise ValueError(f"`margin` must be at least 0. Received: margin={margin}")
        distance_function(distance_metric)  # an unknown name fails here, not in the first step
        self.margin = float(margin)
        self.distance_metric = distance_metric

    def batch_loss(self, labels, embeddings, mask):
        """Returns the scalar loss of the rows where `mask` is above 0 (None: of all rows)."""
        raise NotImplementedError

    def call(self, y_true, y_pred):
        return self.batch_loss(y_true, y_pred, None)

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        value = ops.cast(self.batch_loss(y_true, y_pred, sample_weight), self.dtype)
        rows = ops.broadcast_to(value, ops.shape(y_pred)[:1])
        if sample_weight is not None:
            sample_weight = ops.reshape(ops.convert_to_tensor(sample_weight), (-1,))
        # Keras itself reduces, as only it knows the number of replicas.
        reduce = _ValueOfRow(name=self.name, reduction=self.reduction, dtype=self.dtype)
        return reduce(ops.zeros_like(rows), rows, sample_weight=sample_weight)

    def get_config(self):
        metric = self.distance_metric
        return {
            **super().get_config(),
            "margin": self.margin,
            "distance_metric": (
                keras.saving.serialize_keras_object(metric) if callable(metric) else metric
            ),
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config["distance_metric"], dict):
            config["distance_metric"] = keras.saving.deserialize_keras_object(
                config["distance_metric"]
            )
        return cls(**config)


class _ValueOfRow(keras.losses.Loss):
    """Takes `y_pred` for the values of the rows, so that only the reduction is left."""

    def call(self, y_true, y_pred):
        return y_pred
