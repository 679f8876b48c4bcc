"""From the bytes that a browser sends to a drawn picture and answers in HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerasface.apps.annotation import annotate
from kerasface.apps.page.markup import error_html, faces_html
from kerasface.data.decode import ImageError
from kerasface.inference.confidence import with_doubt
from kerasface.inference.crop_reading import ON_REQUEST
from kerasface.inference.pictures import as_picture

if TYPE_CHECKING:
    from PIL import Image

    from kerasface.apps.face_analyzer import FaceAnalyzer

LARGEST_SIDE = 1600  # pixels of the drawn picture that goes back to the browser


def read_photo(
    analyzer: FaceAnalyzer, content: bytes | None, race: bool = False, threshold: float = 0.0
) -> tuple[Image.Image | None, str]:
    """Reads one photo.

    Args:
        analyzer: of all tasks of its model.
        content: the file's bytes, judged by their header before a pixel is decoded; None where
            nothing was dropped.
        race: whether groups of race are shown.
        threshold: least confidence, 0..1, of which a class is named.

    Returns:
        The picture with boxes and answers, at most 1600 pixels a side, None where it cannot be
        read; and HTML of the answers, or of what is wrong.
    """
    if content is None:
        return None, ""
    try:
        image = as_picture(content)
    except ImageError as error:
        return None, error_html(str(error))
    [result] = analyzer(image)
    record = asked_for(result.to_dict(), race, threshold)
    if "error" in record:
        return None, faces_html(record)
    drawn = annotate(image, record)
    drawn.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return drawn, faces_html(record)


def asked_for(record: dict[str, Any], race: bool, threshold: float) -> dict[str, Any]:
    """A picture's record with the answers that a person wants to see.

    Args:
        record: as `PictureResult.to_dict` gives it.
        race: whether groups of race stay.
        threshold: under it an answer of classes names none.
    """
    faces = [
        {
            **face,
            "answers": {
                name: with_doubt(answer, threshold or None)
                for name, answer in face["answers"].items()
                if race or not name.startswith(ON_REQUEST)
            },
        }
        for face in record["faces"]
    ]
    return {**record, "faces": faces}
