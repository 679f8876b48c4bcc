"""A way of balancing by the name that a command line gives."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from kerasface.training.balancing.fixed_weights import FixedWeights
from kerasface.training.balancing.gradient_norm import GradNorm
from kerasface.training.balancing.task_balancing import TaskBalancing
from kerasface.training.balancing.uncertainty_weighting import UncertaintyWeighting

BALANCINGS: dict[str, Callable[[], TaskBalancing]] = {
    "fixed": FixedWeights,
    "uncertainty": UncertaintyWeighting,
    "gradnorm": GradNorm,
    "gradnorm_features": lambda: GradNorm(norms="features"),
    "gradnorm_reference": lambda: GradNorm(norms="reference"),
}


def balancing_by_name(balancing: str | TaskBalancing) -> TaskBalancing:
    """A new balancing of that name with its defaults; a `TaskBalancing` is returned as it is.

    Args:
        balancing: "fixed", "uncertainty", "gradnorm", "gradnorm_features",
            "gradnorm_reference", or an object.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> balancing_by_name("gradnorm_reference").norms
        'reference'
    """
    if isinstance(balancing, TaskBalancing):
        return balancing
    if balancing not in BALANCINGS:
        near = get_close_matches(str(balancing), BALANCINGS) or list(BALANCINGS)
        raise ValueError(
            f"balancing must be a TaskBalancing or one of {list(BALANCINGS)}; near: {near}. "
            f"Received: balancing={balancing!r}"
        )
    return BALANCINGS[balancing]()
