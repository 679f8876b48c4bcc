"""One object from any kind of picture to typed results: threads, addresses, films, bad input."""

import io
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from kerasface import FaceAnalyzer
from kerasface.inference.video import VideoError, is_camera, video_frames
from kerasface.zoo import UnknownExport
from tests.apps.films import FRAMES, film, grey_of
from tests.apps.numpy_model import TASKS, MeansRunner, numpy_model
from tests.zoo.conftest import served

__all__ = ["film"]


@pytest.fixture
def analyzer():
    return FaceAnalyzer(numpy_model(), detector="none")


def grey(value, height=60, width=60):
    return np.full((height, width, 3), value, np.uint8)


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_all_kinds_of_pictures_in_one_list(analyzer, tmp_path):
    pixels = grey(200)
    content = png(pixels)
    path = tmp_path / "one" / "a.png"
    path.parent.mkdir()
    path.write_bytes(content)
    given = [pixels, content, Image.fromarray(pixels), path, str(path), path.parent, "missing.jpg"]
    results = analyzer(given)
    assert [result.error is None for result in results] == [True] * 6 + [False]
    assert results[6].image == "missing.jpg" and results[6].faces == ()
    first = results[0].faces[0]
    assert all(result.faces == (first,) for result in results[:6])
    assert first.answers["expression"]["label"] == "bright"
    assert first.answers["age"]["unit"] == "years" and "race" not in first.answers
    assert json.loads(results[3].to_json())["image"] == str(path)


def test_faces_of_many_pictures_share_a_batch():
    def two(image):
        return [{"box": (0, 0, 30, 30)}, {"box": (30, 0, 30, 30)}]

    runner = MeansRunner()
    analyzer = FaceAnalyzer(numpy_model(runner), two, batch_size=8)
    assert len(analyzer([grey(9)] * 7)) == 7
    assert runner.batches == [8, 6]


def test_tasks_thresholds_and_doubt():
    model = numpy_model()
    [result] = FaceAnalyzer(model, "none", tasks=["race", "expression"], threshold=0.9)(grey(128))
    answers = result.faces[0].answers
    assert list(answers) == ["race", "expression"] and answers["race"]["note"]
    assert answers["expression"]["label"] is None and answers["expression"]["sure"] is False


def test_sixteen_threads_answer_as_one(rng):
    """With OpenCV's cascade, whose object belongs to one thread at a time, on real faces."""
    pytest.importorskip("cv2", reason="OpenCV is not installed: kerasface[opencv]")
    from kerasface.apps.demo import portrait

    image = Image.open(portrait()).convert("RGB").resize((170, 200))
    pictures = [np.asarray(image.rotate(angle)) for angle in (-10, -5, 0, 5, 10)]
    pictures += list(rng.integers(0, 256, (3, 60, 60, 3), np.uint8))
    analyzer = FaceAnalyzer(numpy_model(), "haar")
    alone = [analyzer(picture)[0].to_dict() for picture in pictures]
    assert sum(len(record["faces"]) for record in alone) >= 4
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda picture: analyzer(picture)[0].to_dict(), pictures * 2))
    assert together == alone * 2


def test_published_student_on_sixteen_threads(rng):
    """The network itself, of one interpreter that belongs to one thread at a time."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed: kerasface[litert]")
    try:
        analyzer = FaceAnalyzer("student", "none", "litert", precision="int8", threads=1)
    except UnknownExport as error:
        pytest.skip(f"NOT TESTED: {error}")
    pictures = list(rng.integers(0, 256, (24, 60, 60, 3), np.uint8))
    alone = [analyzer(picture)[0].to_dict() for picture in pictures]
    assert len({json.dumps(record["faces"]) for record in alone}) == len(pictures)
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda picture: analyzer(picture)[0].to_dict(), pictures))
    assert together == alone


def test_addresses_are_fetched_only_where_it_is_allowed(analyzer, tmp_path):
    (tmp_path / "face.png").write_bytes(png(grey(200)))
    (tmp_path / "page.html").write_bytes(b"<html>no picture</html>")
    with served(tmp_path) as server:
        url = f"{server.url}/face.png"
        [refused] = analyzer(url)
        assert "allow_urls=True" in refused.error and server.asked == []
        allowed = FaceAnalyzer(analyzer.model, "none", allow_urls=True)
        wrong = f"{server.url}/page.html", f"{server.url}/none", "file:///etc/hosts", "ftp://a/b"
        found, *errors = allowed([url, *wrong])
    assert found.image == url and len(found.faces) == 1
    words = "not a picture", "answers 404", "only http and https", "only http and https"
    for result, said, name in zip(errors, words, wrong, strict=True):
        assert result.image == name and said in result.error and "\n" not in result.error


def test_addresses_send_nobody_to_files_and_have_limits(analyzer, tmp_path):
    (tmp_path / "face.png").write_bytes(png(grey(200)))
    there = tmp_path / "face.png"
    allowed = FaceAnalyzer(analyzer.model, "none", allow_urls=True, url_bytes=1000)
    hasty = FaceAnalyzer(analyzer.model, "none", allow_urls=True, url_timeout=0.2)
    with served(tmp_path) as server:
        server.rules["/away"] = [lambda h, body: h.answer(302, b"", Location=there.as_uri())]
        server.rules["/large"] = [lambda h, body: h.answer(200, b"x" * 2000)]
        server.rules["/slow"] = [lambda h, body: time.sleep(1)] * 2
        away, large = allowed([f"{server.url}/away", f"{server.url}/large"])
        [slow] = hasty(f"{server.url}/slow")
    assert "sends us on: only" in away.error and "<= 1000" in large.error
    assert "no answer within 0.2 seconds" in slow.error


def test_frames_of_a_film_in_order_with_times(analyzer, film):
    results = list(analyzer.watch(film))
    assert [result.image for result in results] == [f"{film}#frame={n}" for n in range(FRAMES)]
    np.testing.assert_allclose([r.time for r in results], np.arange(FRAMES) / 8, atol=1e-3)
    # The red ones say the age: 255 - grey in the film, of 255, in 100 years.
    ages = [result.faces[0].answers["age"]["value"] for result in results]
    expected = [100 * (255 - grey_of(number)) / 255 for number in range(FRAMES)]
    np.testing.assert_allclose(ages, expected, atol=4)


def test_every_half_second_of_a_film(film):
    frames = list(video_frames(film, every=0.5))
    assert [frame.name.partition("#")[2] for frame in frames] == ["frame=0", "frame=4", "frame=8"]
    assert frames[1].content.shape == (48, 64, 3)


class Camera:
    """A camera in OpenCV's place: five frames, then the cable is out."""

    def __init__(self, index):
        self.left, self.released = 5, False

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return True

    def set(self, *setting):
        return True

    def get(self, which):
        return 0.0

    def grab(self):
        self.left -= 1
        return self.left >= 0

    def retrieve(self):
        return True, grey(10 * self.left)

    def release(self):
        self.released = True


def test_camera_gives_each_result_before_the_next_frame(analyzer, monkeypatch):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: kerasface[opencv]")
    opened = []

    def capture(source):
        opened.append(Camera(source))
        return opened[-1]

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    results = analyzer.watch(0)
    first = next(results)
    assert opened[0].left == 4 and first.image == "camera 0#frame=0" and first.time >= 0
    results.close()
    del results
    assert opened[0].released
    assert len(list(analyzer.watch("0"))) == 5
    assert is_camera("12") and not is_camera("12.avi") and not is_camera(True)


def test_camera_that_fails_says_so(analyzer, monkeypatch):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: kerasface[opencv]")
    with pytest.raises(VideoError, match="camera 97 cannot be opened"):
        analyzer.watch(97)

    class Dark(Camera):
        def __init__(self, source):
            super().__init__(source)
            self.left = 0

    monkeypatch.setattr(cv2, "VideoCapture", Dark)
    with pytest.raises(VideoError, match="camera 0 gives no frame"):
        list(analyzer.watch(0))


def test_what_is_no_film(analyzer, tmp_path):
    pytest.importorskip("cv2", reason="OpenCV is not installed: kerasface[opencv]")
    (tmp_path / "no.avi").write_bytes(b"no film")
    with pytest.raises(VideoError, match="no.avi cannot be opened"):
        analyzer.watch(tmp_path / "no.avi")
    with pytest.raises(VideoError, match="no such video file: "):
        analyzer.watch(tmp_path / "missing.avi")
    with pytest.raises(ValueError, match="Received: every=0"):
        analyzer.watch(tmp_path / "no.avi", every=0)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"detector": "dlib"}, "detector must be one of auto, .* Received: 'dlib'"),
        ({"tasks": "mood"}, "Received: 'mood'"),
        ({"threshold": 2}, "Received: threshold=2"),
        ({"runtime": "litert"}, "Received: runtime='litert'"),
        ({"threads": 2}, "still to be loaded. Received: .*threads=2"),
        ({"entry": 7}, "a loaded model. Received: int"),
        ({"url_timeout": 0}, "Received: url_timeout=0"),
        ({"batch_size": 0}, "Received: batch_size=0"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, words):
    with pytest.raises(ValueError, match=words):
        FaceAnalyzer(**{"entry": numpy_model(), "detector": "none", **arguments})


def test_entry_goes_to_the_zoo_as_it_is_named(monkeypatch):
    asked = []
    monkeypatch.setattr("kerasface.zoo.load", lambda *a, **k: asked.append((a, k)) or numpy_model())
    analyzer = FaceAnalyzer("student@1.0.0", "none", "litert", precision="int8", threads=2)
    more = {"runtime": "litert", "precision": "int8", "threads": 2}
    assert asked == [(("student@1.0.0",), more)]
    assert analyzer.runtime == "numpy" and analyzer.model.tasks == TASKS


LIGHT = """
import sys
import numpy as np
from kerasface import FaceAnalyzer
from tests.apps.numpy_model import numpy_model
[result] = FaceAnalyzer(numpy_model(), sys.argv[1])(np.zeros((60, 60, 3), np.uint8))
assert result.error is None, result.error
heavy = {"keras", "tensorflow", "jax", "h5py", "requests", "rich"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""


@pytest.mark.parametrize("detector", ["none", "haar"])
def test_neither_keras_nor_tensorflow_is_imported(detector):
    if detector == "haar":
        pytest.importorskip("cv2", reason="OpenCV is not installed: kerasface[opencv]")
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, detector], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
