"""One object for an app: an entry, a detector and a runtime; pictures in, typed results out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasface.data.decode import MAX_BYTES, ImageError
from kerasface.inference.detection import MIN_CONFIDENCE, resolve_detector
from kerasface.inference.face_reader import FaceReader
from kerasface.inference.pictures import as_picture, is_address
from kerasface.inference.results import PictureResult
from kerasface.inference.video import is_camera, video_frames

if TYPE_CHECKING:
    from kerasface.inference.detection import Detector
    from kerasface.inference.runtime_model import RuntimeModel
    from kerasface.models import FaceModel

URL_TIMEOUT = 10.0
URL_TRIES = 2


class FaceAnalyzer(FaceReader):
    """Finds and reads the faces of pictures, folders, addresses and videos with a published entry.

    Made once and called often, from any number of threads: everything dear is loaded here, and
    `warm_up` does what the first call would wait for. Neither Keras nor TensorFlow is imported
    where the runtime is litert, onnx or openvino and the detector haar, yunet or none.

    A picture that cannot be read, fetched or searched is a result with an `error` in its place. A
    picture in which the detector finds nothing has no faces; with `undetected="whole"` it is read
    whole as if it were the crop of a face, and the face says `detected: false`. Nothing is sent
    anywhere: only entries and, with `allow_urls`, pictures are fetched.

    Args:
        entry: what `kerasface.zoo.load` takes ("student", "student@1.0.0", an entry's folder or
            https address), or a model that is already loaded.
        detector: "auto" (default: MTCNN where it is installed, else haar), "mtcnn", "haar",
            "yunet:FILE", "none" or None (each picture is the crop of one face), or a function of
            the pixels; see `kerasface.inference.find_faces`.
        runtime: "auto" (default: the first of litert, onnx and openvino that the entry has a file
            for and that is installed, else Keras), or one of these by name.
        tasks: names of the tasks wanted. None: all but groups of race, which are annotators'
            guesses and given only when they are asked for by name.
        threshold: least confidence, 0..1, of classes, calibrated where the entry has a
            temperature; below it the answer's `label` is None and its `sure` False. One for all,
            or by task. None (default): every answer names one.
        precision: "float32", "float16" or "int8", of the runtime's file.
        threads: of the runtime, at least 1; default the cores this process may use, at most 4.
        batch_size: most faces, of one picture or many, that go through the network at once.
        undetected: "empty" (default) or "whole", the rule above.
        min_confidence: faces that the detector is less sure of are left out.
        allow_urls: whether text such as `https://...` is fetched, by http or https, and never
            sent on to anything else. Off unless asked for, since whoever names an address makes
            this machine ask it: do not turn it on for addresses that strangers give.
        url_timeout: seconds for one address, tries and all.
        url_bytes: most bytes of one picture that are fetched.

    Attributes:
        model: the loaded network; its `manifest` says what it is, or is None.
        tasks: the `Task` objects that are answered.

    Raises:
        ValueError: an unknown task, detector, runtime or rule, or a number out of its range.
        ZooError: the entry cannot be had, or is not what its manifest says.
        ImportError: a detector or runtime is not installed; one line that names the extra.

    Example:
        >>> analyzer = FaceAnalyzer("student", detector="haar")  # doctest: +SKIP
        >>> for result in analyzer(["photo.jpg", "holiday/"]):  # doctest: +SKIP
        ...     print(result.to_json())
    """

    def __init__(
        self,
        entry: str | os.PathLike | FaceModel | RuntimeModel = "student",
        detector: str | Detector | None = "auto",
        runtime: str = "auto",
        tasks: Sequence[str] | str | None = None,
        threshold: float | Mapping[str, float] | None = None,
        *,
        precision: str | None = None,
        threads: int | None = None,
        batch_size: int = 64,
        undetected: str = "empty",
        min_confidence: float = MIN_CONFIDENCE,
        allow_urls: bool = False,
        url_timeout: float = URL_TIMEOUT,
        url_bytes: int = MAX_BYTES,
    ):
        if not url_timeout > 0 or url_bytes < 1:
            raise ValueError(
                "url_timeout and url_bytes must be above 0. "
                f"Received: url_timeout={url_timeout!r}, url_bytes={url_bytes!r}"
            )
        detector = resolve_detector(detector)  # before a network is fetched or built
        model = _loaded(entry, runtime, precision, threads)
        super().__init__(model, detector, tasks, threshold, batch_size, undetected, min_confidence)
        self.allow_urls, self.url_timeout, self.url_bytes = allow_urls, url_timeout, url_bytes

    @property
    def runtime(self) -> str:
        """What runs the network: "keras", "litert", "onnx" or "openvino"."""
        return getattr(self.model, "runtime", "keras")

    def picture(self, source: Any) -> np.ndarray:
        """The pixels of one picture, `(height, width, 3)` uint8; addresses are fetched if allowed.

        Raises:
            ImageError: it cannot be had or does not decode; one line.
        """
        if self.allow_urls and is_address(source):
            source = self._fetched(source)
        return as_picture(source)

    def watch(
        self, source: int | str | os.PathLike, every: float | None = None
    ) -> Iterator[PictureResult]:
        """The faces of a video file's or a camera's frames, as they come.

        Args:
            source: path of a video, or the index of a camera.
            every: seconds between the frames that are read; None (default): every frame.

        Returns:
            An iterator of results with a `time` in seconds. A camera's never ends, and each comes
            before the next frame is taken; close it (`results.close()`) to let the camera go.

        Raises:
            ValueError: it cannot be opened or gives no frame, or `every` is not above 0.
            ImportError: OpenCV is not installed.
        """
        frames = video_frames(source, every)
        return self.stream(frames, 1 if is_camera(source) else None)

    def _fetched(self, url: str) -> bytes:
        from kerasface.zoo.errors import ZooError
        from kerasface.zoo.fetch import Patience, fetch_bytes

        seconds = self.url_timeout
        patience = Patience(connect=seconds, read=seconds, whole=seconds, tries=URL_TRIES)
        try:
            return fetch_bytes(url, limit=self.url_bytes, patience=patience)
        except ZooError as error:
            raise ImageError(str(error)) from None


def _loaded(entry: Any, runtime: str, precision: str | None, threads: int | None) -> Any:
    """The network of an entry, or the one that was given."""
    if isinstance(entry, (str, os.PathLike)):
        from kerasface import zoo

        return zoo.load(entry, runtime=runtime, precision=precision, threads=threads)
    if not hasattr(entry, "tasks") or not hasattr(entry, "predict_on_batch"):
        raise ValueError(
            "entry is a name, folder or address of an entry, or a loaded model. "
            f"Received: {type(entry).__name__}"
        )
    if runtime != "auto" or precision is not None or threads is not None:
        raise ValueError(
            "runtime, precision and threads are of entries that are still to be loaded. "
            f"Received: runtime={runtime!r}, precision={precision!r}, threads={threads!r}"
        )
    return entry
