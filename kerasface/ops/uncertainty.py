"""Uncertainty weighting: each task's loss divided by a noise that is learnt with it."""

from keras import ops

# By form `(c, d)` of `c * exp(-s) * L + d * s`. The last is not in the paper, which writes the
# second also over absolute errors; it is the likelihood of Laplace noise that these belong to.
FORMS = {"softmax": (1.0, 0.5), "gaussian": (0.5, 0.5), "laplace": (1.0, 1.0)}


def uncertainty_weights(log_variances, forms):
    """Returns the factors of the losses: `c_i * exp(-s_i)`.

    Args:
        log_variances: `(tasks,)` float, `s_i`; see `uncertainty_loss`.
        forms: a name of `FORMS` for each task.

    Returns:
        `(tasks,)` float32.

    Raises:
        ValueError: an unknown form.
    """
    factors, _ = _constants(forms)
    return factors * ops.exp(-ops.cast(log_variances, "float32"))


def uncertainty_loss(losses, log_variances, forms, present=None):
    """Returns `sum_i c_i exp(-s_i) L_i + d_i s_i` over the tasks that take part.

    | form | noise | `s` | c | d |
    |---|---|---|---|---|
    | softmax | cross-entropy of logits divided by `sigma^2` | `log sigma^2` | 1 | 1/2 |
    | gaussian | `L` is a squared error | `log sigma^2` | 1/2 | 1/2 |
    | laplace | `L` is an absolute error | `log b` | 1 | 1 |

    Args:
        losses: `(tasks,)` float.
        log_variances: `(tasks,)` float, `s_i`.
        forms: a name of `FORMS` for each task.
        present: `(tasks,)` 1 where the task takes part and 0 where not; None if all do. A task
            that takes no part leaves its `d_i s_i` out too, or its noise would shrink unseen.

    Returns:
        Scalar float32.

    Raises:
        ValueError: an unknown form.

    Example:

    >>> float(uncertainty_loss([3.0], [0.0], ["gaussian"]))
    1.5

    Reference:
        Kendall, Gal, Cipolla, "Multi-task learning using uncertainty to weigh losses" (2018),
        eq. 7 (gaussian) and 10 (softmax), with `s` learnt as in section 3.2's last paragraph.
    """
    losses = ops.cast(losses, "float32")
    variances = ops.cast(log_variances, "float32")
    weights, (_, penalties) = uncertainty_weights(variances, forms), _constants(forms)
    terms = weights * losses + penalties * variances
    return ops.sum(terms if present is None else ops.where(_taking(present), terms, 0.0))


def uncertainty_slopes(losses, log_variances, forms, present=None):
    """Returns the gradient of `uncertainty_loss` with respect to `s`: `d_i - c_i exp(-s_i) L_i`.

    Args:
        losses: `(tasks,)` float.
        log_variances: `(tasks,)` float.
        forms: a name of `FORMS` for each task.
        present: as in `uncertainty_loss`.

    Returns:
        `(tasks,)` float32, 0 for tasks that take no part; 0 too where `exp(s_i) = c_i L_i / d_i`.

    Raises:
        ValueError: an unknown form.
    """
    _, penalties = _constants(forms)
    slopes = penalties - uncertainty_weights(log_variances, forms) * ops.cast(losses, "float32")
    return slopes if present is None else ops.where(_taking(present), slopes, 0.0)


def _constants(forms):
    unknown = [form for form in forms if form not in FORMS]
    if unknown:
        raise ValueError(f"a form must be one of {list(FORMS)}. Received: {unknown[0]!r}")
    factors, penalties = zip(*(FORMS[form] for form in forms), strict=True)
    return ops.convert_to_tensor(factors, "float32"), ops.convert_to_tensor(penalties, "float32")


def _taking(present):
    return ops.cast(present, "float32") > 0.0
