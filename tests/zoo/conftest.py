"""A tiny published entry, a server on loopback that can misbehave, and a clean environment."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kerasface.zoo import locate

FACTS = {
    "description": "A network of four channels that was never trained.",
    "licences": {"code": "Apache-2.0", "weights": "research / non-commercial, as | was the data"},
    "data": [{"name": "UTKFace", "terms": "research only", "labels": ["age"], "images": 10}],
    "crop": "eyes and mouth on the template",
    "template": {
        "eyes": [0.5, 0.343],
        "points": [[0.3, 0.34], [0.7, 0.34], [0.5, 0.55], [0.35, 0.74], [0.65, 0.74]],
    },
    "resize": "area",
    "recipe": "recipes/face_zoo/student.py",
    "commit": "0123456789" * 4,
    "probe": {"count": 2},
}


def measure(task, metric="accuracy", value=0.9, ci95=(0.8, 0.95), **more):
    """One measured number as a recipe passes it to `publish`."""
    where = {"dataset": "UTKFace", "split": "validation", "protocol": "one crop"}
    return {"task": task, "metric": metric, "value": value, "ci95": ci95, "n": 100, **where, **more}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No zoo, no cache and no setting of this machine."""
    for name in ("KERASFACE_ZOO", "KERASFACE_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERASFACE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(locate, "CHECKOUT", tmp_path / "no-checkout")
    monkeypatch.setattr(locate, "PACKAGED", tmp_path / "no-package")


@pytest.fixture(scope="session")
def make_model():
    """Makes a `FaceModel` of 1,526 parameters with a dropout layer and a trained-looking trunk."""
    import keras

    from kerasface.models import FaceModel
    from kerasface.tasks import Classification, Regression

    def make(seed=0):
        keras.utils.set_random_seed(seed)
        config = {"widths": [4, 8], "blocks": [1, 1], "stem": 4, "dropout": 0.1}
        tasks = [
            Classification("gender", ("male", "female"), note="as annotators saw it"),
            Regression("age", "years", (0, 116), bins=8),
        ]
        return FaceModel.from_spec(
            {
                "trunk": {"name": "small_resnet", "config": config},
                "tasks": [task.get_config() for task in tasks],
                "input": {"height": 48, "width": 48, "channels": 3},
            }
        )

    return make


@pytest.fixture(scope="session")
def facts():
    """Arguments of `publish` beside model, name, version and root."""
    age = measure("age", "mean absolute error (years)", 5.1, (4.9, 5.3))
    return {
        **FACTS,
        "metrics": [measure("gender"), age],
        "per_group": [measure("gender", group="age 0-2", value=0.8125, ci95=(0.75, 0.9))],
        "reliability": [measure("gender", "ECE", 0.031, (0.02, 0.04))],
    }


@pytest.fixture(scope="session")
def zoo(tmp_path_factory, make_model, facts):
    """A zoo with `tiny` in two versions; not to be written to."""
    from kerasface.zoo import publish

    root = tmp_path_factory.mktemp("zoo")
    publish(make_model(0), "tiny", "1.0.0", root=root, **facts)
    publish(make_model(1), "tiny", "1.10.0", root=root, **facts)
    return root


@pytest.fixture
def entry(zoo):
    """Folder of `tiny@1.0.0`; not to be written to."""
    return zoo / "tiny" / "1.0.0"


@pytest.fixture
def copied(entry, tmp_path):
    """A copy of `tiny@1.0.0` to be spoilt."""
    import shutil

    return Path(shutil.copytree(entry, tmp_path / "copy"))


@contextmanager
def served(folder):
    """Serves a folder on loopback.

    Yields:
        An object with `url`, `asked` (paths in order) and `rules`: by path, a list of functions
        of the handler and the file's bytes, one used up with each request.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.server.asked.append(self.path)
            path = Path(folder, self.path.lstrip("/"))
            body = path.read_bytes() if path.is_file() else None
            if self.server.rules.get(self.path):
                self.close_connection = True
                self.server.rules[self.path].pop(0)(self, body)
            elif body is None:
                self.answer(404, b"")
            else:
                self.answer(200, body)

        def answer(self, status, body, length=None, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that hangs up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server.asked, server.rules = [], {}
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def serve():
    """`serve(folder)` as a context manager."""
    return served


@pytest.fixture
def server(zoo):
    """The tiny zoo on loopback."""
    with served(zoo) as running:
        yield running
