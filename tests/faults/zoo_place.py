"""Where a fault of the zoo plays: a sound zoo, a folder of its own, and what holds afterwards."""

import hashlib
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from kerasface import zoo
from kerasface.zoo import locate
from kerasface.zoo.entry import check_files, read_manifest, sha256_of
from kerasface.zoo.errors import ZooError
from kerasface.zoo.fetch import PART, Patience
from kerasface.zoo.schema import dump_json, read_json
from tests.zoo.conftest import FACTS, measure, served

DEADLINE = 60  # seconds for one fault on a busy machine; all but some take a tenth of one
ENTRY = "tiny/1.0.0"
WEIGHTS, CONFIG, MANIFEST = "model.weights.h5", "config.json", "manifest.json"
HASTE = Patience(connect=10, read=0.5, whole=30, tries=3, pause=0.01)


class Hang(BaseException):
    """A fault took longer than the deadline; nothing that handles errors handles this."""


@dataclass(frozen=True)
class Fault:
    """Something that a server, a disk or a stranger does to an entry.

    Args:
        group: what kind of fault.
        name: in words.
        attack: does it, in a `Place`, and asks for the entry.
        error: the kind of `ZooError` that it must end in; None: it must be overcome.
        words: what the error must say.
    """

    group: str
    name: str
    attack: Callable
    error: type | None = None
    words: str = ""


@dataclass(frozen=True)
class Place:
    """A fault's surroundings.

    Args:
        zoo: of `published_zoo`; not to be written to.
        scratch: an empty folder.
    """

    zoo: Path
    scratch: Path

    @property
    def home(self):
        """The cache."""
        return self.scratch / "home"

    @property
    def treasure(self):
        """A file that is none of the zoo's business."""
        return self.scratch / "outside" / "treasure"

    def copied(self, spoil=None):
        """A folder of an entry to be spoilt, in a zoo of its own, without an index."""
        folder = self.scratch / "spoilt" / ENTRY
        shutil.copytree(self.zoo / ENTRY, folder)
        if spoil:
            spoil(folder)
        return folder

    @contextmanager
    def offered(self, spoil=None, root=None):
        """Serves a spoilt copy, or a folder; yields the server, `address` being the entry's."""
        root = root or self.copied(spoil).parents[1]
        with served(root) as server:
            server.address = f"{server.url}/{ENTRY}"
            yield server

    def fetch(self, server, **more):
        return locate.locate(server.address, patience=HASTE, **more)

    def load(self, folder):
        return zoo.load(folder)


def rewritten(folder, change=None):
    """Makes a manifest agree with the files as they are now, after `change` of the document."""
    document = read_json((folder / MANIFEST).read_bytes(), MANIFEST)
    if change:
        change(document)
    for name, fact in document["files"].items():
        if (folder / name).is_file():
            fact.update(sha256=sha256_of(folder / name), bytes=(folder / name).stat().st_size)
    (folder / MANIFEST).write_bytes(dump_json(document))


def published_zoo(root):
    """A zoo with `tiny` in the versions 1.0.0 and 1.10.0, of two networks."""
    import keras

    from kerasface.models import FaceModel
    from kerasface.tasks import Classification, Regression

    tasks = Classification("gender", ("male", "female")), Regression("age", "years", (0, 9), bins=4)
    spec = {
        "trunk": {"name": "small_resnet", "config": {"widths": [4, 8], "blocks": [1, 1]}},
        "tasks": [task.get_config() for task in tasks],
        "input": {"height": 48, "width": 48, "channels": 3},
    }
    metrics = [measure("gender"), measure("age", "mean absolute error (years)")]
    for seed, version in enumerate(("1.0.0", "1.10.0")):
        keras.utils.set_random_seed(seed)
        model = FaceModel.from_spec(spec)
        zoo.publish(model, "tiny", version, root=root, **FACTS, metrics=metrics)
    return root


def endure(fault, place):
    """Lets a fault happen and sees that it ends as it must.

    Raises:
        AssertionError: it is not noticed or ends otherwise; the cache, or what is none of the
            zoo's business, is not as it should be; or the sound entry cannot be had any more.
        Hang: it takes too long.
    """
    place.treasure.parent.mkdir(parents=True)
    place.treasure.write_bytes(b"nobody but its owner reads or writes this")
    untouched = digests(place.treasure.parent)
    nowhere = place.scratch / "nowhere"
    settings = {"KERASFACE_HOME": str(place.home), "KERASFACE_OFFLINE": "", "KERASFACE_ZOO": ""}
    with (
        deadline(),
        mock.patch.dict(os.environ, settings),
        mock.patch.object(locate, "CHECKOUT", nowhere),
        mock.patch.object(locate, "PACKAGED", nowhere),
    ):
        error = None
        try:
            fault.attack(place)
        except ZooError as caught:
            error = caught
        ended = "nothing" if error is None else f"{type(error).__name__}: {error}"
        assert type(error) is (fault.error or type(None)), f"ended in {ended}"
        assert fault.words in ended and "\n" not in ended, ended
        assert digests(place.treasure.parent) == untouched, "something outside was touched"
        check_cache(place.home)
        with place.offered(root=place.zoo) as server:
            folder = place.fetch(server)
        check_files(folder, read_manifest(folder))
        check_cache(place.home)


def digests(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def check_cache(home):
    """No file of a cache is half there, and each that has a name is what its manifest says."""
    assert not list(home.rglob(f".*{PART}")), "something half was left"
    for path in home.rglob(MANIFEST):
        facts = read_manifest(path.parent)
        there = [name for name in facts.files if (path.parent / name).exists()]
        check_files(path.parent, facts, there)


@contextmanager
def deadline():
    def ring(signum, frame):
        raise Hang(f"no end within {DEADLINE} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(DEADLINE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
