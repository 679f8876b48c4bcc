"""One file over loopback, from servers that misbehave; what was there before stays there."""

import time
from dataclasses import replace
from hashlib import sha256

import pytest

from kerasface.zoo.address import check_address, check_redirect
from kerasface.zoo.errors import DownloadError, IntegrityError, OfflineError
from kerasface.zoo.fetch import Patience, download, fetch_bytes, is_offline

BODY = bytes(range(256)) * 400
DIGEST = sha256(BODY).hexdigest()
HASTE = Patience(connect=10, read=10, whole=30, tries=3, pause=0.01)
# For servers that hang; for no others, as this machine may be busy.
HURRY = Patience(connect=10, read=0.3, whole=30, tries=2, pause=0.01)


@pytest.fixture
def file(tmp_path, serve):
    """A server of one file, with the address of it."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file").write_bytes(BODY)
    with serve(folder) as server:
        server.address = f"{server.url}/file"
        yield server


@pytest.fixture
def target(tmp_path):
    """A file from an earlier time, alone in its folder."""
    path = tmp_path / "got" / "file"
    path.parent.mkdir()
    path.write_bytes(b"before")
    yield path
    assert [each.name for each in path.parent.iterdir()] == ["file"], "something was left behind"


def get(file, target, **more):
    wanted = {"limit": len(BODY), "size": len(BODY), "sha256": DIGEST, "patience": HASTE, **more}
    return download(file.address, target, **wanted)


def test_a_file(file, target):
    seen = []
    assert get(file, target, progress=seen.append) == DIGEST
    assert target.read_bytes() == BODY
    assert seen == sorted(seen) and seen[-1] == len(BODY)


def test_others_may_read_it(file, target):
    get(file, target)
    assert target.stat().st_mode & 0o044 == 0o044


def test_two_failures_then_the_file(file, target):
    fail = [lambda handler, body: handler.answer(500, b"sorry")]
    file.rules["/file"] = fail * 2
    get(file, target)
    assert target.read_bytes() == BODY and len(file.asked) == 3


def test_failures_without_end(file, target):
    file.rules["/file"] = [lambda handler, body: handler.answer(503, b"")] * 9
    with pytest.raises(DownloadError, match=f"{file.address} to {target}: .* answers 503"):
        get(file, target)
    assert len(file.asked) == HASTE.tries and target.read_bytes() == b"before"


def test_not_found_is_not_asked_again(file, target):
    file.address += "s"
    with pytest.raises(DownloadError, match="/files: the server answers 404"):
        get(file, target)
    assert len(file.asked) == 1


def test_a_server_that_hangs(file, target):
    file.rules["/file"] = [lambda handler, body: time.sleep(1)] * 2
    with pytest.raises(DownloadError, match="no answer within 0.3 seconds"):
        get(file, target, patience=HURRY)
    assert len(file.asked) == 2
    assert target.read_bytes() == b"before"


def test_a_server_that_hangs_half_way(file, target):
    def half(handler, body):
        handler.answer(200, body[:1000], length=len(body))
        handler.wfile.flush()
        time.sleep(1)

    file.rules["/file"] = [half] * 2
    with pytest.raises(DownloadError, match="no answer within 0.3 seconds"):
        get(file, target, patience=HURRY)
    assert len(file.asked) == 2


def test_a_server_that_drips(file, target):
    """Each byte is in time, the whole is not."""

    def drip(handler, body):
        handler.answer(200, b"", length=len(body))
        for place in range(len(body)):
            handler.wfile.write(body[place : place + 1])
            time.sleep(0.05)

    file.rules["/file"] = [drip]
    started = time.monotonic()
    with pytest.raises(DownloadError, match="more than 0.4 seconds"):
        get(file, target, patience=replace(HASTE, whole=0.4))
    assert time.monotonic() - started < 10


def test_truncated_then_whole(file, target):
    file.rules["/file"] = [lambda handler, body: handler.answer(200, body[:-7], len(body))]
    get(file, target)
    assert target.read_bytes() == BODY and len(file.asked) == 2


def test_always_truncated(file, target):
    file.rules["/file"] = [lambda handler, body: handler.answer(200, body[:-7], len(body))] * 9
    with pytest.raises(DownloadError, match="to .*/file: "):
        get(file, target)
    assert target.read_bytes() == b"before"


def test_truncated_without_a_length(file, target):
    """A connection that closes early is the end of such an answer; the size tells."""

    def close(handler, body):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body[:-7])

    file.rules["/file"] = [close] * 3
    with pytest.raises(DownloadError, match=f"ended after {len(BODY) - 7} of {len(BODY)} bytes"):
        get(file, target)


@pytest.mark.parametrize("length", [len(BODY) + 1, len(BODY) - 1, 10**12])
def test_a_length_other_than_expected(file, target, length):
    file.rules["/file"] = [lambda handler, body: handler.answer(200, b"", length)]
    with pytest.raises(DownloadError, match=f"has {length} bytes, expected are {len(BODY)}"):
        get(file, target)
    assert len(file.asked) == 1


def test_more_than_it_said(file, target):
    """In pieces without a length, past the limit: the rest is not read."""

    def pieces(handler, body):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(3):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        handler.wfile.write(b"0\r\n\r\n")

    file.rules["/file"] = [pieces]
    with pytest.raises(DownloadError, match=f"more than the {len(BODY)} bytes"):
        get(file, target)
    assert target.read_bytes() == b"before"


def test_in_pieces(file, target):
    def pieces(handler, body):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(body), 999):
            piece = body[start : start + 999]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    file.rules["/file"] = [pieces]
    assert get(file, target) == DIGEST


def test_a_flipped_bit(file, target):
    wrong = bytes([BODY[0] ^ 1]) + BODY[1:]
    file.rules["/file"] = [lambda handler, body: handler.answer(200, wrong)]
    with pytest.raises(IntegrityError) as caught:
        get(file, target)
    for part in (file.address, str(target), DIGEST, sha256(wrong).hexdigest()):
        assert part in str(caught.value)
    assert target.read_bytes() == b"before"


def test_packed_though_asked_not_to(file, target):
    packed = {"Content_Encoding": "gzip"}
    file.rules["/file"] = [lambda handler, body: handler.answer(200, body, **packed)]
    with pytest.raises(DownloadError, match="packs the file"):
        get(file, target)


def test_a_redirect_is_followed(file, target):
    onward = {"Location": "/file"}
    file.rules["/old"] = [lambda handler, body: handler.answer(302, b"", **onward)]
    file.address = f"{file.url}/old"
    assert get(file, target) == DIGEST


def test_a_redirect_from_a_server_that_hangs_up(file, target):
    """Late and unannounced: the connection looks good for another question and is not."""

    def away(handler, body):
        handler.answer(302, b"", Location="/file")
        handler.wfile.flush()
        time.sleep(0.2)

    file.rules["/old"] = [away]
    file.address = f"{file.url}/old"
    assert get(file, target) == DIGEST and file.asked == ["/old", "/file"]


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://a.org/x", "http://a.org/x", ""])
def test_redirects_elsewhere_are_refused(file, target, place):
    onward = {"Location": place}
    file.rules["/file"] = [lambda handler, body: handler.answer(302, b"", **onward)] * 9
    with pytest.raises(DownloadError, match="sends us on"):
        get(file, target)
    assert target.read_bytes() == b"before"


def test_offline(file, target, monkeypatch):
    monkeypatch.setenv("KERASFACE_OFFLINE", "1")
    with pytest.raises(OfflineError, match=f"KERASFACE_OFFLINE .*{target}.*{file.address}"):
        get(file, target)
    assert not file.asked
    assert not is_offline({"KERASFACE_OFFLINE": "0"}) and not is_offline({})


def test_nobody_there(file, target):
    file.shutdown()
    file.server_close()
    with pytest.raises(DownloadError, match=f"{file.address} to {target}: "):
        get(file, target, patience=Patience(connect=0.2, tries=2, pause=0.01))


def test_a_folder_that_cannot_be_written(file, tmp_path):
    with pytest.raises(DownloadError, match="No such file or directory"):
        get(file, tmp_path / "nowhere" / "file")


def test_bytes_of_a_file(file):
    file.rules["/file"] = [lambda handler, body: handler.answer(503, b"later")]
    assert fetch_bytes(file.address, limit=len(BODY), patience=HASTE) == BODY
    with pytest.raises(DownloadError, match="expected are <= 99"):
        fetch_bytes(file.address, limit=99, patience=HASTE)


@pytest.mark.parametrize("place", ["file:///etc/hosts", "ftp://127.0.0.1/file", "data:,x"])
def test_bytes_are_never_got_by_another_way_than_http(file, place):
    """Neither asked for nor sent on to."""
    with pytest.raises(DownloadError, match="only http and https addresses are fetched"):
        fetch_bytes(place, limit=9)
    file.rules["/file"] = [lambda handler, body: handler.answer(302, b"", Location=place)]
    with pytest.raises(DownloadError, match="sends us on: only https? .*addresses are fetched"):
        fetch_bytes(file.address, limit=len(BODY), patience=HASTE)


def test_http_is_for_pictures_and_never_follows_https():
    assert check_address("http://example.org/a.jpg", plain_http=True)
    assert check_redirect("http://a.org/x", "http://b.org/y", plain_http=True)
    for source, plain in (("https://a.org/x", True), ("http://a.org/x", False)):
        with pytest.raises(DownloadError, match="only https addresses"):
            check_redirect(source, "http://b.org/y", plain)
    with pytest.raises(DownloadError, match="to this machine itself"):
        check_redirect("http://a.org/x", "http://127.0.0.1/y", plain_http=True)


def test_bytes_offline(monkeypatch):
    monkeypatch.setenv("KERASFACE_OFFLINE", "1")
    with pytest.raises(OfflineError, match="KERASFACE_OFFLINE is set. Received: https"):
        fetch_bytes("https://example.org/a.jpg", limit=9)
