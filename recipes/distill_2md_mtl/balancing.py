"""How the tasks of the runs are balanced."""

from __future__ import annotations

from kerasface.training.balancing import GradNorm, TaskBalancing, balancing_by_name
from recipes.distill_2md_mtl.methods import Method

# GradNorm's pull towards slow tasks, by `choose.py`, of 0, 0.5 and its usual 1.5. CK+'s few
# pictures are soon learnt; the usual pull then leaves the expression a weight of 0.2.
ALPHA = 0.0


def balances(method: Method) -> bool:
    """Whether the method has several tasks."""
    return len(method.tasks) > 1


def alpha_of(method: Method, alpha: float = ALPHA) -> float | None:
    """`alpha` where GradNorm balances the method's tasks, or None."""
    if not balances(method):
        return None
    return alpha if isinstance(balancing_by_name(method.balancing), GradNorm) else None


def balancing_of(method: Method, alpha: float = ALPHA) -> TaskBalancing:
    """The method's balancing of its tasks; GradNorm with that `alpha`."""
    made = balancing_by_name(method.balancing)
    if isinstance(made, GradNorm):
        return GradNorm(alpha, norms=made.norms)
    return made
