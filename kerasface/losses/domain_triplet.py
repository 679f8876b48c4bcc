"""The metric-learning domain adversary's loss: rows of one data set together, others apart."""

from keras import ops

from kerasface.export import registered
from kerasface.losses.identity_loss import IdentityLoss
from kerasface.ops.masking import row_mask
from kerasface.ops.triplets import MINING, triplet_sums


@registered
class DomainTripletLoss(IdentityLoss):
    """`L_DA = mean over triplets of max(0, d(a, p) - d(a, n) + margin)`, labelled by data set.

    Anchor and positive are of one data set, the negative is of another; `d` is the squared
    distance of the discriminator's embeddings. The discriminator minimises it; behind a
    `GradientReversal` of strength `s` the trunk gets the gradient of `-s * L_DA`. A batch of one
    data set has no triplet and a loss of 0.

    Where no triplet is active (`d(a, n) > d(a, p) + margin` for all) the trunk gets nothing
    from it, however large the strength: watch `TripletActiveShare`.

    Args:
        margin: float >= 0, in the unit of the distance. Defaults to 0.2, the paper's.
        mining: `"semi-hard"`, one negative for each pair, or `"all"` triplets of the batch; see
            `kerasface.ops.triplet_sums`. Defaults to `"semi-hard"`.
        distance_metric: `"squared-L2"` as in the paper, `"L2"`, `"angular"` or a function
            `(batch, dim) -> (batch, batch)`. Defaults to `"squared-L2"`.
        name: str or None.
        **kwargs: `reduction` and `dtype` of `keras.losses.Loss`.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)` integer domains, below 0 where unknown.
        y_pred: `(batch, dim)` embeddings, usually of unit length (squared distances 0 to 4).
        sample_weight: `(batch,)`; rows of weight 0 take no part either.

    Returns:
        Scalar.

    Raises:
        ValueError: for a negative margin, another mining or an unknown distance.

    Example:

    Anchors 0 and 1 of one set with negatives at squared distances 2.25 and 0.25, margin 0.5:
    `max(0, 1 - 2.25 + 0.5) = 0` and `max(0, 1 - 0.25 + 0.5) = 1.25`, mean 0.625.

    >>> float(DomainTripletLoss(margin=0.5)([0, 0, 1], [[0.0], [1.0], [1.5]]))
    0.625

    Reference:
        "Distill-2MD-MTL" (2019), section 3.1, eq. 1, printed as
        `sum [|x_a - y_b|^2 - |x_a - y_p|^2 + 0.2]`, where `b` can only be the negative. As
        printed it has the other sign, so that a head that decreases it pushes the rows of one
        data set apart, against the text above it (it "aims to pull samples belonging to the same
        dataset into nearby points ... and push samples from different datasets apart"), and no
        hinge, so that without unit length it has no lower bound. We take the text and FaceNet's
        hinge (Schroff et al. 2015, eq. 2 and 3), and the mean where it sums, so that the
        adversary's weight does not depend on the size of the batch.
    """

    def __init__(
        self,
        margin=0.2,
        mining="semi-hard",
        distance_metric="squared-L2",
        name=None,
        **kwargs,
    ):
        super().__init__(margin=margin, distance_metric=distance_metric, name=name, **kwargs)
        if mining not in MINING:
            raise ValueError(f"`mining` must be one of {MINING}. Received: mining={mining!r}")
        self.mining = mining

    def batch_loss(self, labels, embeddings, mask):
        known = ops.reshape(ops.convert_to_tensor(labels), (-1,)) >= 0
        if mask is not None:
            known = ops.logical_and(known, row_mask(mask, embeddings))
        sums = triplet_sums(
            labels, embeddings, self.margin, self.mining, self.distance_metric, known
        )
        return sums.loss / ops.maximum(sums.triplets, 1.0)

    def get_config(self):
        return {**super().get_config(), "mining": self.mining}
