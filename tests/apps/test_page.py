"""The page of `kerasface demo`: in a real browser, from this machine alone, and under attack.

Needs Gradio, Playwright and a Chromium; what is missing is named where the tests are skipped.
"""

import base64
import io
import json
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from matplotlib import cbook
from PIL import Image

from kerasface.apps.face_analyzer import FaceAnalyzer
from tests.inference.test_pictures import encoded

pytest.importorskip("gradio", reason="the page is NOT TESTED: pip install 'kerasface[demo]'")
import httpx  # noqa: E402 - comes with Gradio

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MOST = 1_000_000  # bytes of a photo here
PATIENCE = 120  # seconds, on a busy machine
HERE = ("127.0.0.1", "localhost", "::1", None, "")


@pytest.fixture(scope="module")
def portrait():
    """A real photograph: the public-domain portrait of Grace Hopper in matplotlib."""
    return Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


@pytest.fixture(scope="module")
def abroad():
    """Names of other machines that this process looked up or connected to."""
    asked, look_up, connect = [], socket.getaddrinfo, socket.socket.connect

    def looked_up(host, *more, **choices):
        if host not in HERE:
            asked.append(host)
            raise socket.gaierror(f"tests run offline. Received: {host}")
        return look_up(host, *more, **choices)

    def connected(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in HERE:
            asked.append(address[0])
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", looked_up)
        patch.setattr(socket.socket, "connect", connected)
        yield asked


@pytest.fixture(scope="module")
def url(make_face_model, abroad):
    """The page, served as the command serves it, with a tiny network and a real detector."""
    from kerasface.apps.page.server import serve

    model = make_face_model()
    names = [task.name for task in model.tasks]
    try:
        analyzer = FaceAnalyzer(model, "haar", tasks=names)
    except ImportError:
        analyzer = FaceAnalyzer(model, "mtcnn", tasks=names)
    with serve(analyzer, most_bytes=MOST) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    reason = "the page is NOT TESTED in a browser: "
    playwright = pytest.importorskip(
        "playwright.sync_api", reason=f"{reason}pip install 'kerasface[test]'"
    )
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"{reason}install chromium (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
        running = started.chromium.launch(executable_path=found, args=quiet)
        yield running
        running.close()


@pytest.fixture
def page(browser, url):
    """The opened page, with `requests`, the addresses that the browser asked."""
    page = browser.new_page(viewport={"width": 1200, "height": 1600})
    page.set_default_timeout(PATIENCE * 1000)
    page.requests = []
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(url)
    page.wait_for_selector("#photo input[type=file]", state="attached")
    yield page
    page.close()


DROPPED = """([name, type, content]) => {
    const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([bytes], name, { type }));
    return dropped;
}"""


def drop(page, name, content, kind="image/jpeg"):
    """Drops a file on the page as a mouse does."""
    given = [name, kind, base64.b64encode(content).decode()]
    dropped = page.evaluate_handle(DROPPED, given)
    page.dispatch_event("#photo button", "drop", {"dataTransfer": dropped})


@pytest.mark.slow
def test_photo_is_dropped_and_read(page, url, portrait, abroad):
    """Boxes, bars, age with its range and the card's limits; race where its box is ticked."""
    assert "without a card" in page.inner_text("#limits")
    drop(page, portrait.name, portrait.read_bytes())
    page.wait_for_selector("#answers section")
    assert page.locator("#answers section").count() == 1
    words = page.inner_text("#answers")
    assert "expression: " in words and "years (" in words and "race" not in words
    assert page.locator("#answers meter").count() == 3 + 2
    page.wait_for_function("document.querySelector('#drawn img')?.naturalWidth == 512")
    page.check("#race input")
    page.wait_for_function("document.querySelector('#answers').innerText.includes('race: ')")
    hosts = {urlsplit(each).netloc for each in page.requests if not each.startswith(("data:", "b"))}
    assert hosts == {urlsplit(url).netloc}, "the browser asked another machine"
    assert abroad == [], "the server asked another machine"


@pytest.mark.slow
def test_files_that_are_no_photo_are_said_to_be_none(page):
    chosen = "#photo input[type=file]"
    page.set_input_files(
        chosen, {"name": "large.png", "mimeType": "image/png", "buffer": bytes(MOST + 1)}
    )
    page.wait_for_selector("[data-testid=toast-body] >> text=/exceed/")
    assert page.locator("#answers section").count() == 0
    page.set_input_files(
        chosen, {"name": "text.png", "mimeType": "image/png", "buffer": b"<script>"}
    )
    page.wait_for_selector("#answers [role=alert]")
    assert "not a picture" in page.inner_text("#answers")


def upload(url, content, name="photo.png"):
    return httpx.post(f"{url}gradio_api/upload", files={"files": (name, content)}, timeout=PATIENCE)


def ask(url, path, session):
    """What the page's own script does with an uploaded file; the answer's data, or None."""
    photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
    asked = {"fn_index": 0, "session_hash": session, "data": [photo, True, 0.0]}
    httpx.post(f"{url}gradio_api/queue/join", json=asked, timeout=PATIENCE).raise_for_status()
    listening = f"{url}gradio_api/queue/data?session_hash={session}"
    with httpx.stream("GET", listening, timeout=PATIENCE) as answer:
        for line in answer.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line else {"msg": ""}
            if message["msg"] == "process_completed":
                return message["output"].get("data") if message["success"] else None
    raise AssertionError("the answer never came")


def test_uploads_at_once_each_get_their_own_answer(url):
    """Six pictures of six sizes; the drawn one that comes back has the size of what was sent."""

    def read(number):
        size = 60 + 10 * number, 100
        content = encoded(Image.fromarray(np.full((*size[::-1], 3), 90, np.uint8)))
        [path] = upload(url, content).json()
        drawn, html = ask(url, path, f"session{number}")
        back = httpx.get(f"{url}gradio_api/file={drawn['path']}", timeout=PATIENCE)
        return Image.open(io.BytesIO(back.content)).size == size and "No face found" in html

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(read, range(6))) == [True] * 6


@contextmanager
def another_server():
    """A port of this machine that must not be asked; yields the connections that came."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        came = []
        yield listening.getsockname()[1], came
        try:
            came.append(listening.accept()[0].close())
        except BlockingIOError:
            pass


def test_files_of_this_machine_are_neither_read_nor_sent(url, tmp_path, portrait):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (60, 60)).save(secret)
    for number, path in enumerate((str(secret), f"/tmp/../{secret}", "../../etc/passwd")):
        assert ask(url, path, f"traversal{number}") is None, path
        for route in ("gradio_api/file=", "file=", "gradio_api/file/", "assets/", "static/"):
            assert httpx.get(f"{url}{route}{path}").status_code in (403, 404), route + path
    assert "passwd" not in httpx.get(f"{url}config").text
    # A name cannot choose where its file goes.
    [path] = upload(url, b"x", "../../../escaped.png").json()
    assert Path(path).name == "escaped.png" and ".." not in path


def test_addresses_are_not_fetched(url, abroad):
    """Who can ask the page cannot make it ask others."""
    before = len(abroad)
    with another_server() as (port, came):
        for number, address in enumerate(
            (f"http://127.0.0.1:{port}/x.png", "https://example.org/x.png", "file:///etc/passwd")
        ):
            assert ask(url, address, f"address{number}") is None, address
    assert came == [] and len(abroad) == before


def test_what_is_too_large_is_refused(url):
    assert upload(url, bytes(MOST + 1)).status_code == 413
    assert upload(url, bytes(2 * MOST)).status_code == 413
    long = {"session_hash": "x", "fn_index": 0, "data": ["x" * 2 * MOST]}
    assert httpx.post(f"{url}gradio_api/queue/join", json=long).status_code == 413

    def without_a_length():
        for _ in range(30):
            yield bytes(MOST // 10)

    answer = httpx.post(f"{url}gradio_api/queue/join", content=without_a_length())
    assert answer.status_code == 413
    assert upload(url, b"small").status_code == 200


def test_only_this_machine_by_its_own_name(url):
    """Bound to the loopback address; a web page under a name of its own gets no answer."""
    port = urlsplit(url).port
    assert urlsplit(url).hostname == "127.0.0.1"
    for other in ("127.0.0.2", socket.gethostbyname(socket.gethostname())):
        if other != "127.0.0.1":
            with socket.socket() as asking, pytest.raises(OSError):
                asking.settimeout(5)
                asking.connect((other, port))
    assert httpx.get(url, headers={"Host": "rebound.example"}).status_code == 400
    assert httpx.get(f"{url}monitoring").status_code == 403
    assert json.loads(httpx.get(f"{url}gradio_api/info").text)["named_endpoints"] == {}


def test_uploads_are_private_and_gone_with_the_page(make_face_model):
    from kerasface.apps.page.server import serve

    analyzer = FaceAnalyzer(make_face_model(), None)
    with serve(analyzer) as url:
        [path] = upload(url, b"x").json()
        folder = next(each for each in Path(path).parents if each.name.startswith("kerasface-page"))
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
