"""How many of the triplets still have something to say."""

import keras
from keras import ops

from kerasface.export import registered
from kerasface.ops.distances import distance_function
from kerasface.ops.masking import row_mask
from kerasface.ops.triplets import MINING, triplet_sums


@registered
class TripletActiveShare(keras.metrics.Metric):
    """Share of the triplets whose hinge `d(a, p) - d(a, n) + margin` is above 0.

    At 0 the discriminator has won: the hinge is saturated and no gradient reaches the trunk. The
    share is taken over all triplets since the last reset, so batches of many triplets count
    more; NaN until a triplet was seen.

    Args:
        margin: float >= 0, in the unit of the distance. Defaults to 0.2.
        mining: `"semi-hard"` or `"all"`, which triplets are made. Defaults to `"semi-hard"`.
        distance_metric: as in `DomainTripletLoss`, but no function. Defaults to `"squared-L2"`.
        name: str. Defaults to `"active_share"`.
        dtype: dtype of the state.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integer domains, below 0 where unknown.
        y_pred: `(batch, dim)` embeddings.
        sample_weight: `(batch,)` or `(batch, 1)`; a row takes part where it is above 0.

    Returns:
        Scalar float32 from 0 to 1.

    Raises:
        ValueError: for a negative margin, another mining or an unknown distance.

    Example:

    >>> share = TripletActiveShare(margin=0.5)([0, 0, 1], [[0.0], [1.0], [1.5]])
    >>> float(share)
    0.5
    """

    def __init__(
        self,
        margin=0.2,
        mining="semi-hard",
        distance_metric="squared-L2",
        name="active_share",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        if not margin >= 0 or mining not in MINING:
            raise ValueError(
                f"`margin` must be at least 0 and `mining` one of {MINING}. "
                f"Received: margin={margin}, mining={mining!r}"
            )
        distance_function(distance_metric)
        self.margin, self.mining, self.distance_metric = float(margin), mining, distance_metric
        self.active = self.add_variable((), "zeros", name="active")
        self.triplets = self.add_variable((), "zeros", name="triplets")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred)
        known = ops.reshape(ops.convert_to_tensor(y_true), (-1,)) >= 0
        known = ops.logical_and(known, row_mask(sample_weight, y_pred))
        sums = triplet_sums(y_true, y_pred, self.margin, self.mining, self.distance_metric, known)
        self.active.assign_add(ops.cast(sums.active, self.dtype))
        self.triplets.assign_add(ops.cast(sums.triplets, self.dtype))

    def result(self):
        share = self.active / ops.maximum(self.triplets, 1.0)
        return ops.where(self.triplets > 0, share, float("nan"))

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "mining": self.mining,
            "distance_metric": self.distance_metric,
        }
