"""GradNorm: task weights from the norms of the tasks' gradients and the speed they learn at.

Of `T` tasks with weights `w`, `G_i` is the norm of the gradient of `w_i L_i` at the last shared
weights, and `L_i(0)` the task's first loss. A task without a labelled row in the batch has
neither loss nor norm; `present` is 0 there, and it takes part in no mean and gets no gradient.
"""

from keras import ops


def relative_rates(losses, first_losses, present=None):
    """Returns how much slower than the others each task learns: `r_i`, 1 for the average.

    `r_i = (L_i / L_i(0)) / mean_j(L_j / L_j(0))`. Where a first loss is 0 its ratio is taken as
    1, and where all ratios are 0 each rate is 1.

    Args:
        losses: `(tasks,)` float, this step's losses `L_i` without their weights, 0 or more.
        first_losses: `(tasks,)` float, `L_i(0)`.
        present: `(tasks,)` 1 where the task takes part and 0 where not; None if all do.

    Returns:
        `(tasks,)` float32; 1 for tasks that take no part.

    Example:

    >>> [round(float(rate), 3) for rate in relative_rates([1.0, 6.0], [2.0, 4.0])]
    [0.5, 1.5]

    Reference:
        Chen et al., "GradNorm" (2018), section 3.1.
    """
    losses, first = _float(losses), _float(first_losses)
    present = _present(present, losses)
    known = first > 0.0
    ratios = ops.where(known, losses / ops.where(known, first, 1.0), 1.0)
    average = _mean(ratios, present)
    usable = average > 0.0
    rates = ops.where(usable, ratios / ops.where(usable, average, 1.0), 1.0)
    return ops.where(present > 0.0, rates, 1.0)


def gradient_norm_targets(norms, losses, first_losses, alpha, present=None):
    """Returns the norm that each task's gradient should have: `mean(G) * r_i ** alpha`.

    Args:
        norms: `(tasks,)` float, `G_i` of the weighted losses.
        losses: `(tasks,)` float, losses without weights. A rate below 0 counts as 0.
        first_losses: `(tasks,)` float.
        alpha: float, how strongly slow tasks are pulled up; 0 makes all norms equal.
        present: as in `relative_rates`.

    Returns:
        `(tasks,)` float32, a constant to any gradient; 0 for tasks that take no part.

    Reference:
        Chen et al., "GradNorm" (2018), eq. 1.
    """
    norms = _float(norms)
    present = _present(present, norms)
    rates = ops.maximum(relative_rates(losses, first_losses, present), 0.0)
    targets = _mean(norms, present) * ops.power(rates, ops.cast(alpha, "float32"))
    return ops.stop_gradient(ops.where(present > 0.0, targets, 0.0))


def gradient_norm_loss(norms, targets, present=None):
    """Returns the loss of the task weights: `sum_i |G_i - target_i|` over tasks taking part.

    Args:
        norms: `(tasks,)` float, `G_i`.
        targets: `(tasks,)` float of `gradient_norm_targets`; constant.
        present: as in `relative_rates`.

    Returns:
        Scalar float32.

    Reference:
        Chen et al., "GradNorm" (2018), eq. 2.
    """
    gaps = ops.abs(_float(norms) - ops.stop_gradient(_float(targets)))
    return ops.sum(ops.where(_present(present, gaps) > 0.0, gaps, 0.0))


def gradient_norm_slopes(norms, targets, weights, present=None):
    """Returns the gradient of `gradient_norm_loss` with respect to the task weights.

    `G_i = w_i |grad L_i|` is linear in its own weight and holds no other, so
    `d/dw_i = sign(G_i - target_i) * G_i / w_i`: no second backward pass.

    Args:
        norms: `(tasks,)` float, `G_i`.
        targets: `(tasks,)` float.
        weights: `(tasks,)` float, `w_i` that the norms hold; more than 0.
        present: as in `relative_rates`.

    Returns:
        `(tasks,)` float32, 0 for tasks that take no part.

    Example:

    >>> [float(slope) for slope in gradient_norm_slopes([3.0, 1.0], [2.0, 2.0], [1.5, 0.5])]
    [2.0, -2.0]
    """
    norms, weights = _float(norms), _float(weights)
    slopes = ops.sign(norms - _float(targets)) * norms / weights
    return ops.where(_present(present, norms) > 0.0, slopes, 0.0)


def renormalized(weights, present=None, lowest=0.0):
    """Returns the weights with their sum brought back to the number of tasks.

    Those that take part share what the others leave of it, in proportion; the others keep
    theirs to the last digit.

    Args:
        weights: `(tasks,)` float after a step; the sum of those that take no part is less than
            the number of tasks.
        present: as in `relative_rates`.
        lowest: float, what a weight that takes part is raised to before it is scaled: the step
            could carry it below 0, where its task would be unlearnt. The paper has no such
            limit.

    Returns:
        `(tasks,)` float32.

    Example:

    >>> [float(weight) for weight in renormalized([1.5, 0.5, 4.0])]
    [0.75, 0.25, 2.0]
    """
    weights = _float(weights)
    present = _present(present, weights)
    taking = ops.maximum(weights, lowest) * present
    tasks = float(weights.shape[0])
    room = tasks - ops.sum(weights * (1.0 - present))
    total = ops.sum(taking)
    share = room / ops.where(total > 0.0, total, 1.0)
    return ops.where(present > 0.0, taking * share, weights)


def _float(values):
    return ops.cast(values, "float32")


def _present(present, like):
    return ops.ones_like(like) if present is None else _float(present)


def _mean(values, present):
    count = ops.maximum(ops.sum(present), 1.0)
    return ops.sum(ops.where(present > 0.0, values, 0.0)) / count
