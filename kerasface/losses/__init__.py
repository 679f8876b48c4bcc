"""Keras losses."""

from kerasface.losses.cosine_distance import CosineDistance
from kerasface.losses.domain_triplet import DomainTripletLoss
from kerasface.losses.identity_loss import IdentityLoss
from kerasface.losses.known_identity_triplet import KnownIdentityTripletLoss
from kerasface.losses.label_distribution import LabelDistributionLoss
from kerasface.losses.margin_softmax import MarginSoftmax
from kerasface.losses.scaled_error import ScaledAbsoluteError
from kerasface.losses.soft_targets import SoftTargetCrossentropy
from kerasface.losses.squared_distance import SquaredDistance
from kerasface.losses.triplet_hard import TripletHardLoss
from kerasface.losses.triplet_semi_hard import TripletSemiHardLoss

__all__ = [
    "CosineDistance",
    "DomainTripletLoss",
    "IdentityLoss",
    "KnownIdentityTripletLoss",
    "LabelDistributionLoss",
    "MarginSoftmax",
    "ScaledAbsoluteError",
    "SoftTargetCrossentropy",
    "SquaredDistance",
    "TripletHardLoss",
    "TripletSemiHardLoss",
]
