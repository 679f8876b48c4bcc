"""Triplet loss for batches in which only some rows have an identity."""

from keras import ops

from kerasface.export import registered
from kerasface.losses.triplet_semi_hard import TripletSemiHardLoss
from kerasface.ops.masking import row_mask


@registered
class KnownIdentityTripletLoss(TripletSemiHardLoss):
    """`TripletSemiHardLoss` over the rows whose identity is known, that is 0 or more.

    A negative label means "someone": the row is no anchor, no positive and no negative, with or
    without sample weights. So the plain `call`, which sees no weights, gives the same value as
    the weighted loss, and the label's filler takes no part.

    Args:
        margin: float >= 0, in the unit of the distance. Defaults to 1.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"` (cosine distance) or a function
            `(batch, dim) -> (batch, batch)`. Defaults to `"L2"`.
        name: str or None.
        **kwargs: `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integer identities, below 0 where unknown.
        y_pred: `(batch, dim)` embeddings, for L2 usually of unit length.
        sample_weight: `(batch,)`; rows of weight 0 take no part either.

    Returns:
        Scalar; 0 without two known rows of one person.

    Raises:
        ValueError: for a negative margin or an unknown distance.

    Example:

    The first row's person is unknown; without it this is the example of `TripletSemiHardLoss`.

    >>> loss = KnownIdentityTripletLoss(margin=1.5)
    >>> float(loss([-1, 5, 5, 8], [[9.0], [0.0], [1.0], [3.0]]))
    0.25
    """

    def batch_loss(self, labels, embeddings, mask):
        known = ops.reshape(ops.convert_to_tensor(labels), (-1,)) >= 0
        if mask is not None:
            known = ops.logical_and(known, row_mask(mask, embeddings))
        return super().batch_loss(labels, embeddings, known)
