"""Weights and means over the rows of a batch that carry a label.

A row without a label holds a legal filler value and weight 0. These functions give the two
halves of that contract: the weights that make Keras's plain batch mean equal to the mean over
labelled rows, and that mean itself for evaluation.
"""

from keras import ops


def labelled_weights(mask, alpha=1.0):
    """Returns the sample weights whose plain batch mean is a mean over labelled rows.

    `weight_i = alpha * B / n * mask_i` with `n = sum(mask)`, and 0 everywhere if `n = 0`. Then
    `sum_i(weight_i * loss_i) / B = alpha * mean(loss over labelled rows)`. Compute it on the
    global batch: parts of it on several replicas then add up to the same value.

    Args:
        mask: `(batch,)` bool or number; a row is labelled where it is above 0.
        alpha: float >= 0, the weight of the task. Defaults to 1.

    Returns:
        `(batch,)` float32 weights.

    Example:

    >>> [float(weight) for weight in labelled_weights([True, False, False, True])]
    [2.0, 0.0, 0.0, 2.0]
    """
    mask = as_mask(mask)
    present = ops.cast(mask, "float32")
    count = ops.sum(present)
    batch = ops.sum(ops.ones_like(present))
    return alpha * batch / ops.maximum(count, 1.0) * present


def masked_mean(values, mask):
    """Returns the mean of `values` over labelled rows, and exactly 0 if there is none.

    Values of unlabelled rows are replaced before anything is multiplied, so NaN there changes
    nothing. (A gradient through an operation that made the NaN is another matter: give that
    operation a legal filler.)

    Args:
        values: `(batch,)` float tensor.
        mask: `(batch,)` bool or number; a row is labelled where it is above 0.

    Returns:
        Scalar of the dtype of `values`.
    """
    values = ops.convert_to_tensor(values)
    mask = as_mask(mask)
    count = ops.sum(ops.cast(mask, values.dtype))
    total = ops.sum(ops.where(mask, values, ops.zeros_like(values)))
    return total / ops.maximum(count, ops.ones_like(count))


def as_mask(weights):
    """Returns the bool mask `weights > 0` of weights, counts or bools of any shape."""
    weights = ops.convert_to_tensor(weights)
    return ops.cast(weights, "float32") > 0.0


def row_mask(sample_weight, rows):
    """Returns which rows count.

    Args:
        sample_weight: `(batch,)` or `(batch, 1)` weights, or None for all rows.
        rows: tensor with `batch` as its first axis.

    Returns:
        `(batch,)` bool: weight above 0, or all True.
    """
    if sample_weight is None:
        return ops.ones(ops.shape(rows)[:1], dtype="bool")
    return ops.reshape(as_mask(sample_weight), (-1,))
