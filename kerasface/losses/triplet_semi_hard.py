"""`TripletSemiHardLoss`, with the signature and the values of tensorflow-addons."""

from kerasface.export import registered
from kerasface.losses.identity_loss import IdentityLoss
from kerasface.ops.triplets import semi_hard_triplet_loss


@registered
class TripletSemiHardLoss(IdentityLoss):
    """Triplet loss over all positive pairs, each with its semi-hard negative in the batch.

    See `kerasface.ops.semi_hard_triplet_loss` for the formula. It takes the place of
    `tfa.losses.TripletSemiHardLoss`: same arguments, same value; memory of order batch squared,
    exact labels, and 0 instead of NaN for a batch without a positive pair.

    Args:
        margin: float >= 0, in the unit of the distance. Defaults to 1.
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

    >>> loss = TripletSemiHardLoss(margin=1.5)
    >>> float(loss([5, 5, 8], [[0.0], [1.0], [3.0]]))  # pairs: max(0, -0.5) and max(0, 0.5)
    0.25

    Reference:
        Schroff et al., "FaceNet" (2015), eq. 2 and 4; differences in the function's docstring.
    """

    def batch_loss(self, labels, embeddings, mask):
        return semi_hard_triplet_loss(labels, embeddings, self.margin, self.distance_metric, mask)
