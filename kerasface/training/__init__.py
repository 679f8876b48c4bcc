"""Training on partial labels and from teachers (TensorFlow where a part says so)."""

from __future__ import annotations

from kerasface.lazy import lazy_names

_HOME = {
    "BalancedModel": "balancing",
    "Distiller": "distiller",
    "DomainProbe": "domain_probe",
    "DynamicLearningRate": "dynamic_rate",
    "DynamicRate": "dynamic_rate",
    "FiniteLoss": "finite_loss",
    "FixedWeights": "balancing",
    "FusedBatchNormalization": "fused_normalization",
    "GradNorm": "balancing",
    "HiddenTarget": "distillation_terms",
    "HintRegression": "hint_regression",
    "LogitTargets": "distillation_terms",
    "Muon": "muon",
    "NonFiniteLoss": "finite_loss",
    "RoutedOptimizer": "routed_optimizer",
    "RunState": "run_state",
    "Stage": "stages",
    "SoftTargets": "distillation_terms",
    "StepReport": "tensorboard",
    "TableRow": "tensorboard",
    "StrengthSchedule": "strength_schedule",
    "TaskBalancing": "balancing",
    "TaskAffinity": "task_affinity",
    "TensorBoardReport": "tensorboard",
    "UncertaintyWeighting": "balancing",
    "ValidationRound": "validation",
    "balancing_by_name": "balancing",
    "cache_teacher": "teacher_outputs",
    "distil": "stages",
    "initialise": "stages",
    "cache_teacher_flips": "teacher_outputs",
    "load_trained": "trained_run",
    "pretrain": "stages",
    "regress_hint": "stages",
    "transfer_weights": "stages",
    "write_hparams": "tensorboard",
    "fine_tune": "transfer_learning",
    "fit_head": "transfer_learning",
    "transfer_to": "transfer_learning",
    "gradient_cosines": "task_affinity",
    "strength_at": "strength_schedule",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _HOME)
