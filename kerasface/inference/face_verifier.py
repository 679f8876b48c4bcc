"""The same person or not: two pictures, their distance, and how often such a yes is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.data.template import SIZE
from kerasface.inference.crop_reading import as_channels, input_of, read_crops
from kerasface.inference.cropping import contract_of
from kerasface.inference.detection import Detector, Face, find_faces, resolve_detector
from kerasface.inference.pictures import as_picture, name_of
from kerasface.inference.point_finding import PointFinder

if TYPE_CHECKING:
    from kerasface.inference.runtime_model import RuntimeModel
    from kerasface.models import FaceModel

# How an entry's manifest says, among its metrics, up to which squared distance two faces are one
# person at a false accept rate.
THRESHOLD = re.compile(r"threshold at FAR ([0-9.]+(?:e-?[0-9]+)?)")
DEFAULT_FAR = 0.01


def threshold_metric(far: float) -> str:
    """What the threshold of a false accept rate is called among an entry's metrics."""
    return f"threshold at FAR {far:g}"


def thresholds_of_entry(manifest: Any, task: str) -> dict[float, float]:
    """Squared distance by false accept rate, as an entry's metrics say; {} without a manifest."""
    found = {}
    for measure in getattr(manifest, "metrics", ()):
        match = THRESHOLD.fullmatch(measure.metric)
        if match and measure.task == task:
            found[float(match[1])] = float(measure.value)
    return found


@dataclass(frozen=True)
class Verification:
    """What was said of two pictures.

    Args:
        same: whether the distance is at most the threshold.
        distance: squared Euclidean, between vectors of length 1: 0 to 4.
        threshold: the largest distance of one person.
        far: share of pairs of two people that such a threshold accepts, as the entry measured
            it; None where the threshold was given.
        images: names of both pictures, None where they came as pixels.
        faces: how many faces were found in each; the largest was taken.
    """

    same: bool
    distance: float
    threshold: float
    far: float | None
    images: tuple[str | None, str | None]
    faces: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """What `json.dumps` takes as it is."""
        return {
            "same": self.same,
            "distance": round(self.distance, 4),
            "threshold": round(self.threshold, 4),
            "far": self.far,
            "images": list(self.images),
            "faces": list(self.faces),
        }


class FaceVerifier:
    """Tells whether two pictures show one person, by the distance of two embeddings.

    Of several faces in a picture the largest is taken. A face and its mirror image are both read,
    and their mean is compared.

    Args:
        model: with one `Embedding` task, such as the entry `verifier`.
        detector: as `find_faces`. None (default): each picture is the crop of one face.
        aligner: a network of five points (`PointFinder`), by which faces are aligned; None: by
            the detector's points, or its box.
        far: the false accept rate whose threshold is taken from the entry, default 0.01.
        threshold: squared distance, more than 0, in place of the entry's.

    Raises:
        ValueError: no embedding or several, a threshold that is not positive, or neither a
            threshold nor one of the entry for `far`.
        ImportError: the detector is not installed.

    Example:

        verifier = FaceVerifier(kerasface.zoo.load("verifier"), detector="mtcnn",
                                aligner=kerasface.zoo.load("aligner"))
        answer = verifier("first.jpg", "second.jpg")
        print(answer.same, answer.distance, answer.threshold, answer.far)
    """

    def __init__(
        self,
        model: FaceModel | RuntimeModel,
        detector: str | Detector | None = None,
        aligner: FaceModel | RuntimeModel | None = None,
        far: float = DEFAULT_FAR,
        threshold: float | None = None,
    ):
        names = [task.name for task in model.tasks if task.kind == "embedding"]
        if len(names) != 1:
            raise ValueError(
                "faces are compared by a network with one embedding, such as the entry "
                f"'verifier'. Received: tasks {[task.name for task in model.tasks]}"
            )
        self.model, [self.task] = model, names
        known = thresholds_of_entry(getattr(model, "manifest", None), self.task)
        self.threshold, self.far = _threshold(known, far, threshold)
        self.detector = resolve_detector(detector)
        self.align = None if aligner is None else PointFinder(aligner)
        size, self.channels = input_of(model)
        self.contract = contract_of(model, size or SIZE)

    def __call__(self, first: Any, second: Any) -> Verification:
        """Compares two pictures.

        Args:
            first: path, bytes, Pillow image or uint8 array.
            second: the same.

        Raises:
            ImageError: one does not decode.
            ValueError: no face is found in one, or it cannot be cut.
        """
        one, faces = self.embed(first)
        other, more_faces = self.embed(second)
        distance = float(((one - other) ** 2).sum())
        return Verification(
            distance <= self.threshold,
            distance,
            self.threshold,
            self.far,
            (name_of(first), name_of(second)),
            (faces, more_faces),
        )

    def embed(self, picture: Any) -> tuple[np.ndarray, int]:
        """`(size,)` float64 of length 1 of the largest face, and how many faces there are.

        Raises:
            ImageError: it does not decode.
            ValueError: no face is found, or it cannot be cut.
        """
        image = as_picture(picture)
        name = name_of(picture) or "the picture"
        faces = find_faces(image, self.detector)
        if not faces:
            raise ValueError(f"no face is found in {name}; a crop of one is read without detector")
        face: Face | None = max(faces, key=lambda each: each.box[2] * each.box[3])
        if self.detector is None:
            face = None
        if self.align is not None:
            face = self.align(image, face)
        crop = self.contract.cut(image, face)
        both = as_channels(np.stack([crop, crop[:, ::-1]]), self.channels)
        vectors = np.asarray(read_crops(self.model, both)[self.task], "float64")
        mean = vectors.mean(0)
        return mean / max(float(np.linalg.norm(mean)), 1e-12), len(faces)


def _threshold(
    known: Mapping[float, float], far: float, threshold: float | None
) -> tuple[float, float | None]:
    if threshold is not None:
        if not threshold > 0:
            raise ValueError(
                f"a threshold is a squared distance above 0. Received: threshold={threshold}"
            )
        return float(threshold), None
    if far not in known:
        rates = ", ".join(f"{rate:g}" for rate in sorted(known)) or "none"
        raise ValueError(
            f"the entry says no threshold for this false accept rate (it has {rates}); give "
            f"threshold=. Received: far={far}"
        )
    return known[far], far
