"""A run as TensorBoard shows it."""

from kerasface.training.tensorboard.hparams_table import TableRow, write_hparams
from kerasface.training.tensorboard.report import TensorBoardReport
from kerasface.training.tensorboard.step_report import StepReport

__all__ = ["StepReport", "TableRow", "TensorBoardReport", "write_hparams"]
