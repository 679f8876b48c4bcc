"""A run as TensorBoard shows it."""

from kerasface.training.tensorboard.report import TensorBoardReport

__all__ = ["TensorBoardReport"]
