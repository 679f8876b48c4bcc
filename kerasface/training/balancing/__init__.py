"""How much each task's loss counts while several are trained: fixed, learnt, or by GradNorm."""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    "BalancedModel": "balanced_model",
    "FixedWeights": "fixed_weights",
    "GradNorm": "gradient_norm",
    "TaskBalancing": "task_balancing",
    "UncertaintyWeighting": "uncertainty_weighting",
    "balancing_by_name": "choice",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
