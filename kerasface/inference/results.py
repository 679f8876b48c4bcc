"""What is said of a picture: frozen records that go into JSON by one method."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict


class _Noted(TypedDict, total=False):
    note: str  # what a person should read beside the answer


class ClassAnswer(_Noted, total=False):
    """Of a task with classes."""

    label: str | None  # None where `sure` is False
    confidence: float  # probability of the likeliest class, 0..1
    probabilities: dict[str, float]
    sure: bool  # only where a threshold was set
    calibrated: bool  # only, and True, where the entry has a temperature for the task


class NumberAnswer(_Noted, total=False):
    """Of a task with a unit; `low` to `high` holds the middle 80 % of what is believed."""

    value: float
    unit: str
    low: float
    high: float


class PointsAnswer(_Noted, total=False):
    """Of a task of landmarks, (x, y)."""

    points: list[list[float]]  # shares of the crop's side
    picture_points: list[list[float]]  # pixels of the upright picture


class EmbeddingAnswer(_Noted, total=False):
    """Of an embedding."""

    embedding: list[float]


Answer = ClassAnswer | NumberAnswer | PointsAnswer | EmbeddingAnswer


@dataclass(frozen=True)
class FaceResult:
    """One face of a picture; places are pixels of the upright picture.

    Args:
        box: `(left, top, width, height)`; may reach past the picture.
        confidence: of the detector, 0..1; None where it gives none.
        points: left and right eye as the viewer sees them, nose tip, left and right corner of the
            mouth, or None.
        answers: by task name.
        detected: False where no detector found it and the whole picture was taken for its crop.
    """

    box: tuple[float, float, float, float]
    confidence: float | None = None
    points: tuple[tuple[float, float], ...] | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    detected: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and text; rounded to what is meant."""
        return {
            "box": [round(value, 2) for value in self.box],
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "points": self.points and [[round(x, 2), round(y, 2)] for x, y in self.points],
            "detected": self.detected,
            "answers": {name: dict(answer) for name, answer in self.answers.items()},
        }


@dataclass(frozen=True)
class PictureResult:
    """One picture and its faces, from left to right.

    Args:
        image: its path or name, or None where it came as pixels.
        width: pixels, upright; None where it could not be read.
        height: pixels.
        faces: empty where none was found.
        error: one line, where the picture could not be read or no crop could be cut.
        time: seconds from the beginning, of a frame of a video.
    """

    image: str | None = None
    width: int | None = None
    height: int | None = None
    faces: tuple[FaceResult, ...] = ()
    error: str | None = None
    time: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """What `json.dumps` takes as it is; `error` and `time` only where there is one."""
        record: dict[str, Any] = {
            "image": self.image,
            "width": self.width,
            "height": self.height,
            "faces": [face.to_dict() for face in self.faces],
        }
        if self.time is not None:
            record["time"] = round(self.time, 3)
        if self.error is not None:
            record["error"] = self.error
        return record

    def to_json(self) -> str:
        """`to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)
