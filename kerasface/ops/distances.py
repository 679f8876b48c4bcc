"""Pairwise distances inside a batch, `(batch, batch)`, with finite gradients everywhere."""

import difflib

from keras import ops

# Below this squared length a vector has no direction worth a gradient (length 1e-6).
SMALLEST_SQUARED_LENGTH = 1e-12


def safe_sqrt(x):
    """Returns `sqrt(x)` for `x > 0` and otherwise 0 with a gradient of 0.

    Args:
        x: float tensor of any shape.

    Returns:
        Tensor like `x`.

    Example:

    >>> [float(root) for root in safe_sqrt([4.0, 0.0])]
    [2.0, 0.0]
    """
    x = ops.convert_to_tensor(x)
    positive = x > 0
    # The inner `where` keeps the root away from 0, whose infinite slope times 0 would be NaN.
    root = ops.sqrt(ops.where(positive, x, ops.ones_like(x)))
    return ops.where(positive, root, ops.zeros_like(x))


def unit_length(x, axis=-1):
    """Scales vectors to length 1; a vector shorter than 1e-6 becomes 0 with a gradient of 0.

    Computed in float32 at least: in float16 the square of a length above 255 is infinite.

    Args:
        x: float tensor, `(..., dim)` for the default axis.
        axis: int, the axis of the vector. Defaults to -1.

    Returns:
        Tensor like `x`.

    Example:

    >>> [round(float(part), 1) for part in unit_length([3.0, 4.0])]
    [0.6, 0.8]
    """
    x = ops.convert_to_tensor(x)
    wide = _at_least_float32(x)
    squared = ops.sum(ops.square(wide), axis=axis, keepdims=True)
    long_enough = squared > SMALLEST_SQUARED_LENGTH
    inverse = ops.rsqrt(ops.where(long_enough, squared, ops.ones_like(squared)))
    scaled = ops.where(long_enough, wide * inverse, ops.zeros_like(wide))
    return ops.cast(scaled, x.dtype)


def squared_distances(x):
    """Returns `d_ij = |x_i - x_j|^2`, never below 0 and exactly 0 on the diagonal.

    From `|a|^2 + |b|^2 - 2 a.b`, so in memory of order batch squared; the error is about 1e-7 of
    the squared lengths. Where rounding would give less than 0, value and gradient are 0.

    Args:
        x: `(batch, dim)` float tensor.

    Returns:
        `(batch, batch)` float32 (float64 for float64).

    Example:

    >>> [[float(d) for d in row] for row in squared_distances([[0.0, 0.0], [3.0, 4.0]])]
    [[0.0, 25.0], [25.0, 0.0]]
    """
    x = _at_least_float32(ops.convert_to_tensor(x))
    squared = ops.sum(ops.square(x), axis=1)
    distances = squared[:, None] + squared[None, :] - 2.0 * ops.matmul(x, ops.transpose(x))
    counted = ops.logical_and(distances > 0, ops.logical_not(same_row(x)))
    return ops.where(counted, distances, ops.zeros_like(distances))


def euclidean_distances(x):
    """Returns `d_ij = |x_i - x_j|`, with a gradient of 0 between equal vectors.

    Args:
        x: `(batch, dim)` float tensor.

    Returns:
        `(batch, batch)` float32 (float64 for float64), 0 on the diagonal.

    Example:

    >>> [[float(d) for d in row] for row in euclidean_distances([[0.0, 0.0], [3.0, 4.0]])]
    [[0.0, 5.0], [5.0, 0.0]]
    """
    squared = squared_distances(x)
    # Between equal vectors the squared distance is rounding, 1e-7 or so, and the root of that
    # multiplies whatever the gradient fails to cancel by thousands.
    return safe_sqrt(ops.where(equal_rows(x), ops.stop_gradient(squared), squared))


def angular_distances(x):
    """Returns `d_ij = 1 - cos(x_i, x_j)`, from 0 (same direction) to 2 (opposite).

    The cosine distance, which tensorflow-addons calls "angular". A zero vector is at distance 1
    from all others. Values below 0 from rounding are 0 with a gradient of 0.

    Args:
        x: `(batch, dim)` float tensor, of any length.

    Returns:
        `(batch, batch)` float32 (float64 for float64), 0 on the diagonal.

    Example:

    >>> [[float(d) for d in row] for row in angular_distances([[2.0, 0.0], [0.0, 3.0]])]
    [[0.0, 1.0], [1.0, 0.0]]
    """
    x = unit_length(_at_least_float32(ops.convert_to_tensor(x)))
    distances = 1.0 - ops.matmul(x, ops.transpose(x))
    counted = ops.logical_and(distances > 0, ops.logical_not(same_row(x)))
    return ops.where(counted, distances, ops.zeros_like(distances))


def equal_rows(x):
    """Returns the `(batch, batch)` bool table of equal vectors, without a `batch^2 * dim` tensor.

    Two vectors count as equal if two sums over them are: their squares, and themselves with
    irregular weights. Different vectors do not agree in both by chance.

    Args:
        x: `(batch, dim)` float tensor.

    Returns:
        `(batch, batch)` bool, True on the diagonal.

    Example:

    >>> [[bool(equal) for equal in row] for row in equal_rows([[1.0, 2.0], [2.0, 1.0]])]
    [[True, False], [False, True]]
    """
    x = _at_least_float32(ops.convert_to_tensor(x))
    weights = ops.cos(ops.cast(ops.arange(ops.shape(x)[1]), x.dtype))
    table = ops.ones((1, 1), dtype="bool")
    for sums in (ops.sum(ops.square(x), axis=1), ops.sum(x * weights, axis=1)):
        table = ops.logical_and(table, ops.equal(sums[:, None], sums[None, :]))
    return table


def same_row(x):
    """Returns the `(batch, batch)` bool diagonal for a tensor of `batch` rows."""
    rows = ops.arange(ops.shape(x)[0])
    return ops.equal(rows[:, None], rows[None, :])


DISTANCES = {
    "L2": euclidean_distances,
    "squared-L2": squared_distances,
    "angular": angular_distances,
}


def distance_function(distance_metric):
    """Returns the pairwise distance named by tensorflow-addons' word for it.

    Args:
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"`, or a function `(batch, dim) ->
            (batch, batch)`, which is returned as it is.

    Raises:
        ValueError: for another name; the message has the nearest one.
    """
    if callable(distance_metric):
        return distance_metric
    if distance_metric in DISTANCES:
        return DISTANCES[distance_metric]
    near = difflib.get_close_matches(str(distance_metric), DISTANCES, n=1, cutoff=0.3)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"`distance_metric` must be a function or one of {list(DISTANCES)}.{hint} "
        f"Received: distance_metric={distance_metric!r}"
    )


def _at_least_float32(x):
    return x if x.dtype == "float64" else ops.cast(x, "float32")
