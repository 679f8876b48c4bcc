"""`TripletHardLoss`, with the signature and the values of tensorflow-addons."""

from kerasface.export import registered
from kerasface.losses.identity_loss import IdentityLoss
from kerasface.ops.triplets import hard_triplet_loss


@registered
class TripletHardLoss(IdentityLoss):
    """Triplet loss over all anchors, each with its farthest positive and nearest negative.

    See `kerasface.ops.hard_triplet_loss` for the formula. It takes the place of
    `tfa.losses.TripletHardLoss`: same arguments, same value, exact labels.

    Args:
        margin: float >= 0, in the unit of the distance; not used if `soft`. Defaults to 1.
        soft: bool, `log(1 + exp(gap))` in place of the hinge. Defaults to False.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"` (cosine distance) or a function
            `(batch, dim) -> (batch, batch)`. Defaults to `"L2"`.
        name: str or None.
        **kwargs: `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integer identities.
        y_pred: `(batch, dim)` embeddings, for L2 usually of unit length.
        sample_weight: `(batch,)`; rows of weight 0 take no part.

    Returns:
        Scalar.

    Raises:
        ValueError: for a negative margin or an unknown distance.

    Example:

    >>> loss = TripletHardLoss(margin=1.5)  # anchors: max(0, -0.5), max(0, 0.5), max(0, -0.5)
    >>> round(float(loss([5, 5, 8], [[0.0], [1.0], [3.0]])), 4)
    0.1667

    Reference:
        Hermans et al., "In defense of the triplet loss" (2017), eq. 5 and section 2; differences
        in the function's docstring.
    """

    def __init__(self, margin=1.0, soft=False, distance_metric="L2", name=None, **kwargs):
        super().__init__(margin=margin, distance_metric=distance_metric, name=name, **kwargs)
        self.soft = bool(soft)

    def batch_loss(self, labels, embeddings, mask):
        return hard_triplet_loss(
            labels, embeddings, self.margin, self.soft, self.distance_metric, mask
        )

    def get_config(self):
        return {**super().get_config(), "soft": self.soft}
