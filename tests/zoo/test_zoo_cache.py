"""Entries in the cache: whole or fetched again, also with several processes and a kill."""

import os
import signal
import subprocess
import sys
import time

import pytest

from kerasface.zoo.cache import home
from kerasface.zoo.entry import check_files, read_manifest, sha256_of
from kerasface.zoo.errors import DownloadError, IntegrityError, ManifestError, OfflineError
from kerasface.zoo.fetch import PART, Patience
from kerasface.zoo.locate import locate

HASTE = Patience(connect=10, read=10, whole=30, tries=2, pause=0.01)
WEIGHTS = "/tiny/1.0.0/model.weights.h5"


@pytest.fixture
def address(server):
    return f"{server.url}/tiny/1.0.0"


def parts():
    return list(home().rglob(f".*{PART}"))


def fetching(address):
    """A process that locates an address and prints the folder."""
    code = f"from kerasface.zoo.locate import locate; print(locate({address!r}))"
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_from_an_address_once(server, address, monkeypatch):
    folder = locate(address + "/", patience=HASTE)
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    assert manifest.reference == "tiny@1.0.0" and home() in folder.parents
    asked = len(server.asked)
    assert locate(address) == folder and len(server.asked) == asked
    monkeypatch.setenv("KERASFACE_OFFLINE", "1")
    assert locate(address) == folder
    assert not parts()


def test_only_what_is_wanted(server, address):
    folder = locate(address, files=())
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]
    assert WEIGHTS not in server.asked


@pytest.mark.parametrize("spoil", ["flip", "cut", "remove", "empty"])
@pytest.mark.parametrize("name", ["model.weights.h5", "config.json", "manifest.json"])
def test_a_spoilt_cache_is_fetched_again(server, address, name, spoil):
    folder = locate(address)
    path = folder / name
    whole = path.read_bytes()
    if spoil == "remove":
        path.unlink()
    else:
        flipped = whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]
        path.write_bytes({"flip": flipped, "cut": whole[:-1], "empty": b""}[spoil])
    server.asked.clear()
    assert locate(address) == folder
    assert path.read_bytes() == whole
    assert server.asked == [f"/tiny/1.0.0/{name}"]


def test_a_spoilt_cache_offline(server, address, monkeypatch):
    path = locate(address) / "model.weights.h5"
    path.write_bytes(b"spoilt")
    monkeypatch.setenv("KERASFACE_OFFLINE", "1")
    with pytest.raises(OfflineError, match=f"{path} would have to come from {address}"):
        locate(address)


def test_never_fetched_offline(address, monkeypatch):
    monkeypatch.setenv("KERASFACE_OFFLINE", "yes")
    with pytest.raises(OfflineError, match=address):
        locate(address)


def test_a_spoilt_note_of_an_address(server, address):
    folder = locate(address)
    (note,) = (home() / "addresses").iterdir()
    for document in (b"", b"[]", b'{"sha256": "../../x", "bytes": 3}', note.read_bytes()[:-9]):
        note.write_bytes(document)
        assert locate(address) == folder


def test_the_manifest_s_digest_is_what_the_caller_says(server, address, entry):
    right = sha256_of(entry / "manifest.json")
    with pytest.raises(IntegrityError, match="it should be 0000"):
        locate(address, sha256="0" * 64, patience=HASTE)
    folder = locate(address, sha256=right)
    with pytest.raises(IntegrityError, match="it should be 0000"):
        locate(address, sha256="0" * 64, patience=HASTE)
    assert locate(address, sha256=right) == folder


def test_weights_with_a_flipped_bit_are_not_kept(server, address):
    def flip(handler, body):
        handler.answer(200, body[:-1] + bytes([body[-1] ^ 1]))

    server.rules[WEIGHTS] = [flip]
    with pytest.raises(IntegrityError, match=f"{address}/model.weights.h5 to .*: sha256 is"):
        locate(address, patience=HASTE)
    assert not list(home().rglob("*.weights.h5")) and not parts()
    assert locate(address)


def test_a_manifest_that_is_none(server, address):
    server.rules["/tiny/1.0.0/manifest.json"] = [
        lambda handler, body: handler.answer(200, b"<html>no such page</html>")
    ]
    with pytest.raises(ManifestError, match=f"{address}/manifest.json is no JSON"):
        locate(address, patience=HASTE)
    assert not (home() / "entries").exists()


def test_a_manifest_that_climbs_out(serve, copied, tmp_path):
    document = (copied / "manifest.json").read_bytes()
    (copied / "manifest.json").write_bytes(document.replace(b"config.json", b"../x/c.json"))
    with serve(copied.parent) as server, pytest.raises(ManifestError, match="plain segments"):
        locate(f"{server.url}/copy", patience=HASTE)


def test_a_cache_that_cannot_be_written(address, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("KERASFACE_HOME", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match="the cache cannot be written"):
        locate(address, patience=HASTE)


def test_two_processes_fetch_once(server, address):
    server.rules[WEIGHTS] = [lambda handler, body: (time.sleep(0.5), handler.answer(200, body))]
    both = [fetching(address) for _ in range(2)]
    folders = {process.communicate(timeout=120)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0] and len(folders) == 1
    assert server.asked.count(WEIGHTS) == 1 and not parts()
    check_files(locate(address), read_manifest(locate(address)))


def test_a_kill_leaves_a_whole_cache(server, address):
    """Killed with half of the weights on the disk: they have no name yet, and are cleared away."""

    def half(handler, body):
        handler.answer(200, body[: len(body) // 2], len(body))
        handler.wfile.flush()
        time.sleep(5)

    server.rules[WEIGHTS] = [half]
    process = fetching(address)
    until = time.monotonic() + 120
    while not any(part.stat().st_size for part in parts() if "weights" in part.name):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    assert parts() and not list(home().rglob("model.weights.h5"))
    folder = locate(address, patience=HASTE)
    check_files(folder, read_manifest(folder))
    assert not parts()
