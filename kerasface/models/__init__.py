"""Trunks and the multi-task model (on `keras.ops` only)."""

# Keras finds the losses and metrics that a saved model names only once they are registered.
import kerasface.losses
import kerasface.metrics  # noqa: F401
from kerasface.models.embedding_fusion import EmbeddingFusion
from kerasface.models.face_model import FaceModel
from kerasface.models.hidden_layers import up_to_hidden, with_hidden
from kerasface.models.linear_fusion import ConcatFusion, PcaFusion
from kerasface.models.resnet18 import resnet18
from kerasface.models.resnet50 import resnet50
from kerasface.models.small_resnet import small_resnet
from kerasface.models.trunks import TRUNKS, build_trunk
from kerasface.models.vgg16 import vgg16

__all__ = [
    "TRUNKS",
    "ConcatFusion",
    "EmbeddingFusion",
    "FaceModel",
    "PcaFusion",
    "build_trunk",
    "resnet18",
    "resnet50",
    "small_resnet",
    "up_to_hidden",
    "vgg16",
    "with_hidden",
]
