"""Triplet losses that choose their triplets inside the batch, in memory of order batch squared.

The values are those of tensorflow-addons, which ended in 2024 and built a batch x batch x batch
tensor for the semi-hard choice. Here each anchor's negatives are sorted once and every positive
is looked up in them: `batch^2 log(batch)` operations, a few `(batch, batch)` tensors.
"""

from typing import Any, NamedTuple

from keras import ops

from kerasface.ops.distances import distance_function, same_row
from kerasface.ops.masking import row_mask

MINING = ("semi-hard", "all")
# Negatives at one distance share it as a mean, so a hinge of exactly 0 may come out as this.
ROUNDING = 1e-6


class TripletSums(NamedTuple):
    """Sums over the triplets of a batch, each a float32 scalar.

    Args:
        loss: sum of the hinges.
        active: number of triplets whose hinge is above 0, the only ones with a gradient.
        triplets: number of triplets.
    """

    loss: Any
    active: Any
    triplets: Any


def triplet_sums(
    labels, embeddings, margin=0.2, mining="semi-hard", distance_metric="squared-L2", mask=None
):
    """Sums of `max(0, d(a, p) - d(a, n) + margin)` over triplets of anchor, positive, negative.

    Anchor and positive are two rows of one label, the negative is a row of another.

    - `"all"`: every such triplet. Each anchor's negatives are sorted once, and a pair's sum is
      `count * (d(a, p) + margin)` less a running sum over the `count` negatives that are nearer
      than `d(a, p) + margin`: `batch^2 log(batch)` operations, no tensor above batch squared.
    - `"semi-hard"`: each pair of anchor and positive with one negative, the nearest that is
      farther than the positive, or else the farthest (as in `semi_hard_triplet_loss`).

    A pair whose anchor has no negative makes no triplet, so a batch of one label gives zeros.

    Args:
        labels: `(batch,)` or `(batch, 1)` integers, compared exactly.
        embeddings: `(batch, dim)` float tensor.
        margin: float >= 0, in the unit of the distance. Defaults to 0.2.
        mining: `"semi-hard"` or `"all"`. Defaults to `"semi-hard"`.
        distance_metric: as in `semi_hard_triplet_loss`. Defaults to `"squared-L2"`.
        mask: `(batch,)` bool or weights; rows not above 0 take no part and may hold NaN. None:
            all rows take part.

    Returns:
        `TripletSums`. Only `loss` has a gradient.

    Raises:
        ValueError: for another `mining` or an unknown distance.

    Example:

    Label 5 at 0 and 1, label 8 at 1.5; squared distances. Anchor 0: 1 - 2.25 + 0.5 < 0.
    Anchor 1: 1 - 0.25 + 0.5 = 1.25.

    >>> [float(each) for each in triplet_sums([5, 5, 8], [[0.0], [1.0], [1.5]], 0.5, "all")]
    [1.25, 1.0, 2.0]

    Reference:
        Schroff et al., "FaceNet" (2015), section 3.2; Hermans et al., "In defense of the triplet
        loss" (2017), eq. 6 ("batch all").
    """
    if mining not in MINING:
        raise ValueError(f"`mining` must be one of {MINING}. Received: mining={mining!r}")
    distances, positive, negative, _ = _pairs(labels, embeddings, distance_metric, mask)
    negatives = ops.sum(ops.cast(negative, distances.dtype), axis=1, keepdims=True)
    formed = ops.logical_and(positive, negatives > 0)
    if mining == "all":
        hinges, active = _all_negatives(distances, negative, margin)
        triplets = ops.broadcast_to(negatives, ops.shape(distances))
    else:
        gap = distances - _semi_hard_negative(distances, negative) + margin
        hinges, active = ops.maximum(gap, 0.0), ops.cast(gap > ROUNDING, distances.dtype)
        triplets = ops.ones_like(distances)

    def total(table):
        return ops.cast(ops.sum(ops.where(formed, table, ops.zeros_like(table))), "float32")

    return TripletSums(total(hinges), total(active), total(triplets))


def _all_negatives(distances, negative, margin):
    """Returns two `(batch, batch)` tables over pairs `(i, j)` and all negatives `k` of `i`.

    The sum of `max(0, d_ij - d_ik + margin)`, and the number of terms above 0.
    """
    fixed = ops.stop_gradient(distances)
    far = ops.where(negative, fixed, float("inf"))
    order = ops.argsort(far, axis=1)
    nearest_first = ops.take_along_axis(
        ops.where(negative, distances, ops.zeros_like(distances)), order, axis=1
    )
    ascending = ops.take_along_axis(far, order, axis=1)
    count = _count_in_row(ascending, fixed + margin, side="left")
    within = ops.take_along_axis(
        ops.cumsum(nearest_first, axis=1), ops.maximum(count - 1, 0), axis=1
    )
    counted = ops.cast(count, distances.dtype)
    sums = counted * (distances + margin) - ops.where(count > 0, within, ops.zeros_like(within))
    # Both terms are of the size of the sum of the distances, so rounding may fall below 0.
    return ops.maximum(sums, 0.0), counted


def semi_hard_triplet_loss(labels, embeddings, margin=1.0, distance_metric="L2", mask=None):
    """Mean over positive pairs of the hinge against the pair's semi-hard negative.

    `loss = mean over (i, j) of max(0, margin + d_ij - d_ik)`, where `j` is another row with the
    label of `i` and `k` is the nearest row of another label with `d_ik > d_ij`. If no negative is
    farther than the positive, `k` is the farthest negative. Negatives at exactly the same distance
    share the gradient. If row `i` has no negative at all, `d_ik` is the smallest distance in its
    row, which is 0, so that positives still attract.

    Args:
        labels: `(batch,)` or `(batch, 1)` identities; integers of any size, compared exactly.
        embeddings: `(batch, dim)` float tensor.
        margin: float >= 0, in the unit of the distance. Defaults to 1.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"` (cosine distance) or a function
            `(batch, dim) -> (batch, batch)`. Defaults to `"L2"`.
        mask: `(batch,)` bool or weights; rows not above 0 take no part and may hold NaN. None:
            all rows take part.

    Returns:
        Scalar float32. Without a positive pair 0 with a gradient of 0 (tensorflow-addons: NaN).

    Example:

    One pair of the same label at distance 1, negatives at distances 3 and 2: `max(0, 1.5 + 1 - 3)
    = 0` and `max(0, 1.5 + 1 - 2) = 0.5`, mean 0.25.

    >>> float(semi_hard_triplet_loss([5, 5, 8], [[0.0], [1.0], [3.0]], margin=1.5))
    0.25

    Reference:
        Schroff et al., "FaceNet" (2015), eq. 2 and 4. There a triplet without a semi-hard
        negative is not used; here, as in tensorflow-addons, it takes the farthest negative.
    """
    distances, positive, negative, valid = _pairs(labels, embeddings, distance_metric, mask)
    to_negative = _semi_hard_negative(distances, negative)
    has_negative = ops.any(negative, axis=1, keepdims=True)
    to_negative = ops.where(has_negative, to_negative, _row_minimum(distances, valid))
    hinge = ops.maximum(margin + distances - to_negative, 0.0)
    total = ops.sum(ops.where(positive, hinge, ops.zeros_like(hinge)))
    return total / ops.maximum(ops.sum(ops.cast(positive, total.dtype)), 1.0)


def hard_triplet_loss(labels, embeddings, margin=1.0, soft=False, distance_metric="L2", mask=None):
    """Mean over anchors of the hinge of the farthest positive against the nearest negative.

    `loss = mean over i of max(0, margin + max_j d_ij - min_k d_ik)`, or of
    `log(1 + exp(max_j d_ij - min_k d_ik))` if `soft`. A row without a positive takes the smallest
    distance in its row (0, to itself) for it, one without a negative the largest.

    Args:
        labels: `(batch,)` or `(batch, 1)` identities; integers of any size, compared exactly.
        embeddings: `(batch, dim)` float tensor.
        margin: float >= 0, in the unit of the distance; not used if `soft`. Defaults to 1.
        soft: bool, the soft margin. Defaults to False.
        distance_metric: as in `semi_hard_triplet_loss`.
        mask: as in `semi_hard_triplet_loss`.

    Returns:
        Scalar float32; 0 if no row takes part.

    Example:

    Label 5 at 0 and 1, label 8 at 3. Anchors 0 and 1: `max(0, 1.5 + 1 - 3) = 0` and
    `max(0, 1.5 + 1 - 2) = 0.5`. Anchor 3 has no positive: `max(0, 1.5 + 0 - 2) = 0`.

    >>> round(float(hard_triplet_loss([5, 5, 8], [[0.0], [1.0], [3.0]], margin=1.5)), 4)
    0.1667

    Reference:
        Hermans et al., "In defense of the triplet loss" (2017), eq. 5 and section 2 (soft
        margin). There every anchor has a positive and a negative; for others we follow
        tensorflow-addons.
    """
    distances, positive, negative, valid = _pairs(labels, embeddings, distance_metric, mask)
    infinity = ops.full_like(distances, float("inf"))
    farthest_positive = ops.where(
        ops.any(positive, axis=1, keepdims=True),
        ops.max(ops.where(positive, distances, -infinity), axis=1, keepdims=True),
        _row_minimum(distances, valid),
    )
    nearest_negative = ops.where(
        ops.any(negative, axis=1, keepdims=True),
        ops.min(ops.where(negative, distances, infinity), axis=1, keepdims=True),
        -_row_minimum(-distances, valid),
    )
    gap = (farthest_positive - nearest_negative)[:, 0]
    loss = ops.softplus(gap) if soft else ops.maximum(margin + gap, 0.0)
    anchor = ops.any(valid, axis=1)
    total = ops.sum(ops.where(anchor, loss, ops.zeros_like(loss)))
    return total / ops.maximum(ops.sum(ops.cast(anchor, total.dtype)), 1.0)


def _semi_hard_negative(distances, negative):
    """Returns for each pair `(i, j)` the distance from `i` to its semi-hard negative.

    That is the smallest `d_ik > d_ij` over negatives `k` of `i`, or else their largest. All
    negatives at exactly that distance share its gradient equally.

    Args:
        distances: `(batch, batch)` float.
        negative: `(batch, batch)` bool, `k` is a negative of `i`.

    Returns:
        `(batch, batch)` float; without meaning in a row that has no negative.
    """
    batch = ops.shape(distances)[0]
    fixed = ops.stop_gradient(distances)
    ascending = ops.sort(ops.where(negative, fixed, float("inf")), axis=1)
    nearer = _count_in_row(ascending, fixed, side="left")  # negatives with d_ik < d_ij
    not_beyond = _count_in_row(ascending, fixed, side="right")  # with d_ik <= d_ij
    # Negatives at one distance make a run of `ascending`. The table holds at the start of each
    # run the mean of its distances: a sum, so that their gradients come back in equal shares.
    run_length = ops.cast(ops.maximum(not_beyond - nearer, 1), distances.dtype)
    share = ops.where(negative, distances / run_length, ops.zeros_like(distances))
    start = ops.minimum(nearer, batch - 1)
    table = ops.segment_sum(
        ops.reshape(share, (-1,)),
        ops.reshape(start + batch * ops.arange(batch)[:, None], (-1,)),
        num_segments=batch * batch,
    )
    count = ops.sum(ops.cast(negative, "int32"), axis=1, keepdims=True)
    last = ops.max(ops.where(negative, start, ops.zeros_like(start)), axis=1, keepdims=True)
    place = ops.where(not_beyond < count, not_beyond, last)
    return ops.take_along_axis(ops.reshape(table, ops.shape(distances)), place, axis=1)


def _count_in_row(ascending, values, side):
    """Returns `(batch, batch)` int32: entries of the sorted row below (or up to) each value."""
    counts = ops.vectorized_map(
        lambda row: ops.searchsorted(row[0], row[1], side=side), (ascending, values)
    )
    return ops.cast(counts, "int32")


def _pairs(labels, embeddings, distance_metric, mask):
    """Returns `(batch, batch)` distances and the bool tables positive, negative and valid pair."""
    labels = ops.reshape(ops.convert_to_tensor(labels), (-1,))
    embeddings = ops.convert_to_tensor(embeddings)
    rows = row_mask(mask, embeddings)
    if mask is not None:
        # Before any distance is taken, so that NaN on an unlabelled row reaches no gradient.
        embeddings = ops.where(rows[:, None], embeddings, ops.zeros_like(embeddings))
    distances = distance_function(distance_metric)(embeddings)
    valid = ops.logical_and(rows[:, None], rows[None, :])
    same = ops.equal(labels[:, None], labels[None, :])
    positive = ops.logical_and(ops.logical_and(same, valid), ops.logical_not(same_row(labels)))
    negative = ops.logical_and(ops.logical_not(same), valid)
    return distances, positive, negative, valid


def _row_minimum(distances, valid):
    """Returns `(batch, 1)` smallest distance over valid pairs, 0 for a row without one."""
    least = ops.min(
        ops.where(valid, distances, ops.full_like(distances, float("inf"))), axis=1, keepdims=True
    )
    return ops.where(ops.any(valid, axis=1, keepdims=True), least, ops.zeros_like(least))
