"""Where a name leads, in the stated order, and what is said when it leads nowhere."""

import json
import shutil

import pytest

from kerasface.zoo import catalogue, locate
from kerasface.zoo.cache import home
from kerasface.zoo.errors import (
    DownloadError,
    IntegrityError,
    ManifestError,
    OfflineError,
    UnknownEntry,
)
from kerasface.zoo.fetch import Patience
from kerasface.zoo.index import refresh
from kerasface.zoo.locate import find
from kerasface.zoo.locate import locate as locate_entry
from kerasface.zoo.runtime_loading import ready_runtime

HASTE = Patience(connect=10, read=10, whole=30, tries=1, pause=0.01)


@pytest.fixture
def place(zoo, tmp_path, monkeypatch):
    """Puts versions of `tiny` where a source looks: place("checkout", "1.0.0")."""

    def put(source, *versions, mirrors=()):
        root = tmp_path / f"as-{source}"
        for version in versions:
            shutil.copytree(zoo / "tiny" / version, root / "tiny" / version)
        root.mkdir(exist_ok=True)
        (root / "mirrors.json").write_text(json.dumps(list(mirrors)))
        refresh(root)
        if source == "KERASFACE_ZOO":
            monkeypatch.setenv(source, str(root))
        else:
            name = {"checkout": "CHECKOUT", "package": "PACKAGED"}[source]
            monkeypatch.setattr(locate, name, root)
        return root

    return put


def test_order(place, server):
    package = place("package", "1.0.0", "1.10.0")
    assert find("tiny").folder == package / "tiny" / "1.10.0"
    checkout = place("checkout", "1.0.0")
    assert find("tiny").folder == checkout / "tiny" / "1.0.0"
    assert find("tiny@1.10.0").folder == package / "tiny" / "1.10.0"
    mine = place("KERASFACE_ZOO", "1.10.0")
    assert find("tiny").folder == mine / "tiny" / "1.10.0"
    assert find("tiny@1.0.0").folder == checkout / "tiny" / "1.0.0"
    assert {each.source for each in catalogue()} == {"KERASFACE_ZOO", "checkout"}


def test_a_served_zoo_comes_first(place, server, monkeypatch):
    place("checkout", "1.0.0")
    monkeypatch.setenv("KERASFACE_ZOO", server.url)
    folder = locate_entry("tiny", patience=HASTE)
    assert home() in folder.parents and folder.parent.name == "1.10.0"
    # The server gone: the cache and the index of the earlier time do, and say so.
    server.shutdown()
    server.server_close()
    with pytest.warns(UserWarning, match="index of an earlier time"):
        assert locate_entry("tiny", patience=HASTE) == folder
    monkeypatch.setenv("KERASFACE_OFFLINE", "1")
    assert locate_entry("tiny") == folder


def test_a_served_zoo_that_was_never_reached(monkeypatch):
    monkeypatch.setenv("KERASFACE_ZOO", "http://127.0.0.1:9/zoo")
    with pytest.raises(DownloadError, match="http://127.0.0.1:9/zoo/index.json"):
        locate_entry("tiny", patience=HASTE)
    monkeypatch.setenv("KERASFACE_ZOO", "http://example.org/zoo")
    with pytest.raises(DownloadError, match="only https"):
        locate_entry("tiny", patience=HASTE)


def test_mirrors_in_their_order(place, server):
    """The package knows of 1.10.0 and does not hold it; the first mirror is down."""
    root = place("package", "1.0.0", "1.10.0", mirrors=["http://127.0.0.1:9", server.url])
    shutil.rmtree(root / "tiny" / "1.10.0")
    found = find("tiny@1.10.0")
    assert found.source == "mirrors" and not found.is_here
    folder = locate_entry("tiny@1.10.0", patience=HASTE)
    assert find("tiny@1.10.0").is_here
    server.asked.clear()
    assert locate_entry("tiny@1.10.0") == folder and not server.asked


def test_a_mirror_with_another_entry_of_that_name(place, server):
    """Its manifest is not the one of the index: nothing of it is kept."""
    root = place("package", "1.10.0", mirrors=[server.url])
    shutil.rmtree(root / "tiny" / "1.10.0")
    index = json.loads((root / "index.json").read_text())
    index["entries"][0]["manifest"]["sha256"] = "0" * 64
    (root / "index.json").write_text(json.dumps(index))
    with pytest.raises(IntegrityError, match="it should be 0000"):
        locate_entry("tiny", patience=HASTE)
    assert not list(home().rglob("*.h5"))


def test_what_an_address_gave_never_answers_to_a_name(place, server):
    locate_entry(f"{server.url}/tiny/1.10.0")
    place("package", "1.0.0")
    with pytest.raises(UnknownEntry, match="'tiny' has the versions 1.0.0"):
        locate_entry("tiny@1.10.0")


def test_known_but_nowhere(place, monkeypatch):
    root = place("checkout", "1.0.0")
    shutil.rmtree(root / "tiny")
    with pytest.raises(DownloadError, match="no address is known"):
        locate_entry("tiny")
    refresh_with = json.loads((root / "index.json").read_text())
    refresh_with["mirrors"] = ["https://127.0.0.1:9/a", "https://127.0.0.1:9/b"]
    (root / "index.json").write_text(json.dumps(refresh_with))
    monkeypatch.setenv("KERASFACE_OFFLINE", "1")
    with pytest.raises(OfflineError, match="9/a/tiny/1.0.0.*; .*9/b/tiny"):
        locate_entry("tiny")


def test_near_names(place):
    place("checkout", "1.0.0")
    with pytest.raises(UnknownEntry, match="there is tiny. Received: 'tinny'") as caught:
        locate_entry("tinny")
    assert "\n" not in str(caught.value)
    with pytest.raises(UnknownEntry, match="there is tiny"):
        locate_entry("completely-else")
    with pytest.raises(UnknownEntry, match="versions 1.0.0. Received: 'tiny@2.0.0'"):
        locate_entry("tiny@2.0.0")


def test_no_zoo_at_all():
    with pytest.raises(UnknownEntry, match="none at all"):
        locate_entry("student")
    assert catalogue() == []


def test_a_folder_of_somebody_else_s_is_passed_over(zoo, tmp_path, monkeypatch):
    """site-packages/zoo of another project has no index of ours."""
    shutil.copytree(zoo / "tiny", tmp_path / "site" / "tiny")
    monkeypatch.setattr(locate, "CHECKOUT", tmp_path / "site")
    assert catalogue() == []


def test_paths(entry, tmp_path, monkeypatch):
    assert locate_entry(entry) == entry
    assert locate_entry(str(entry)) == entry
    monkeypatch.chdir(entry.parent)
    assert locate_entry("./1.0.0").samefile(entry)
    with pytest.raises(ManifestError, match="manifest.json: No such file"):
        locate_entry(tmp_path)
    with pytest.raises(ManifestError, match="it should be 000"):
        locate_entry(entry, sha256="0" * 64)


@pytest.mark.parametrize("name", ["..", "Student", "tiny@../1.0.0", "", "a b"])
def test_no_names(name):
    with pytest.raises(ManifestError):
        locate_entry(name)


@pytest.mark.parametrize("address", ["ftp://a.org/x", "file:///etc", "hf://x/y", "http://a.org/x"])
def test_no_addresses(address):
    with pytest.raises(DownloadError, match="only https"):
        locate_entry(address)


def test_a_zoo_that_is_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASFACE_ZOO", str(tmp_path / "missing"))
    with pytest.raises(ManifestError, match="neither a folder nor an address"):
        locate_entry("student")


def test_links_in_a_zoo_are_passed_over(place, tmp_path):
    root = place("checkout", "1.0.0")
    (root / "other").symlink_to(root / "tiny")
    (root / "tiny" / "2.0.0").symlink_to(root / "tiny" / "1.0.0")
    assert [f"{each.name}@{each.version}" for each in catalogue()] == ["tiny@1.0.0"]


def test_auto_of_an_address_asks_for_its_manifest_alone(server):
    assert ready_runtime(f"{server.url}/tiny/1.0.0") == "keras"
    assert set(server.asked) == {"/tiny/1.0.0/manifest.json"}
