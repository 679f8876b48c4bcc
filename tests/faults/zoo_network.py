"""Servers that misbehave, a disk that is full, and processes that die in the middle."""

import os
import signal
import subprocess
import sys
import time

from kerasface.zoo import errors
from kerasface.zoo.errors import DownloadError, IntegrityError
from kerasface.zoo.fetch import PART
from tests.faults.zoo_place import ENTRY, HASTE, MANIFEST, WEIGHTS, Fault

# In a process of its own, which may write files of so many bytes and no larger ones.
FETCH = """
import resource, sys
from kerasface.zoo.errors import ZooError
from kerasface.zoo.locate import locate
most = int(sys.argv[2])
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    locate(sys.argv[1], files=None)
except ZooError as error:
    print(type(error).__name__, error)
"""


def answering(path, *rules):
    """An attack: the first requests for a path of the entry get these answers, one each."""

    def attack(place):
        with place.offered() as server:
            server.rules[f"/{ENTRY}/{path}"] = list(rules)
            place.fetch(server)

    return attack


def hang(handler, body):
    time.sleep(1.5 * HASTE.read)


def hang_half_way(handler, body):
    handler.answer(200, body[: len(body) // 2], len(body))
    handler.wfile.flush()
    time.sleep(1.5 * HASTE.read)


def hang_up_half_way(handler, body):
    handler.answer(200, body[: len(body) // 2], len(body))


def fail(handler, body):
    handler.answer(500, b"sorry")


def say_longer(handler, body):
    handler.answer(200, body, len(body) + 7)


def say_shorter(handler, body):
    handler.answer(200, body, len(body) - 7)


def never_end(handler, body):
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))


def pack(handler, body):
    handler.answer(200, body, Content_Encoding="gzip")


def other_bytes(handler, body):
    handler.answer(200, bytes(len(body)))


def sent_on_to(place):
    return lambda handler, body: handler.answer(302, b"", Location=place)


def fetching(server, most=0):
    command = [sys.executable, "-c", FETCH, server.address, str(most)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    return out.strip()


def full_disk(place):
    """Room for the manifest and not for the weights, as far as a process can tell."""
    with place.offered() as server:
        most = (place.zoo / ENTRY / MANIFEST).stat().st_size + 100
        name, _, line = finished(fetching(server, most)).partition(" ")
    assert 0 < most < (place.zoo / ENTRY / WEIGHTS).stat().st_size
    raise getattr(errors, name)(line)


def killed_beside_another(place):
    """Two want one entry; the one that fetches is killed half way, the other ends its work."""

    def half(handler, body):
        handler.answer(200, body[: len(body) // 2], len(body))
        handler.wfile.flush()
        time.sleep(3)

    with place.offered() as server:
        server.rules[f"/{ENTRY}/{WEIGHTS}"] = [half]
        first = fetching(server)
        until = time.monotonic() + 120
        while not any(part.stat().st_size for part in place.home.rglob(f".{WEIGHTS}*{PART}")):
            assert time.monotonic() < until and first.poll() is None
            time.sleep(0.02)
        second = fetching(server)
        time.sleep(0.3)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate(timeout=10)
        assert finished(second) == ""


FAULTS = (
    *(
        Fault("network", name, answering(WEIGHTS, *rules), DownloadError, words)
        for name, rules, words in (
            ("hangs", [hang] * 9, "no answer within"),
            ("hangs half way", [hang_half_way] * 9, "no answer within"),
            ("always hangs up half way", [hang_up_half_way] * 9, ""),
            ("always answers 500", [fail] * 9, "answers 500"),
            ("says that it is longer", [say_longer] * 9, "expected are"),
            ("says that it is shorter", [say_shorter] * 9, "expected are"),
            ("never ends", [never_end] * 9, "more than the"),
            ("packs what it was asked not to", [pack] * 9, "packs the file"),
            ("sends on to file://", [sent_on_to("file:///etc/passwd")] * 9, "only https"),
            ("sends on to http://", [sent_on_to("http://192.0.2.1/x")] * 9, "only https"),
            ("sends on in a circle", [sent_on_to(f"/{ENTRY}/{WEIGHTS}")] * 9, "more than 5 times"),
        )
    ),
    Fault("network", "answers 500 twice", answering(WEIGHTS, fail, fail)),
    Fault("network", "hangs, then hangs up", answering(WEIGHTS, hang, hang_up_half_way)),
    Fault("network", "other bytes", answering(WEIGHTS, other_bytes), IntegrityError, "sha256 is"),
    Fault(
        "network", "a page for a manifest", answering(MANIFEST, pack), DownloadError, "packs the"
    ),
    Fault("disk", "full", full_disk, DownloadError, "File too large"),
    Fault("processes", "one of two killed while it fetches", killed_beside_another),
)
