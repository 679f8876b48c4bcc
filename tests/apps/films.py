"""Small films drawn frame by frame, so that every frame is known."""

import numpy as np
import pytest

FRAMES, RATE = 12, 8.0


def grey_of(number):
    return 40 + 15 * number


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """Twelve frames at eight a second, each of one grey that grows by 15."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: kerasface[opencv]")
    path = tmp_path_factory.mktemp("film") / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), RATE, (64, 48))
    assert writer.isOpened()
    for number in range(FRAMES):
        frame = np.full((48, 64, 3), grey_of(number), np.uint8)
        frame[..., 2] = 255 - grey_of(number)  # red, which OpenCV has last
        writer.write(frame)
    writer.release()
    return path
