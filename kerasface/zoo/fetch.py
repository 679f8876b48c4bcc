"""One file from the network to the disk, whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from kerasface.zoo.address import check_address, check_redirect, is_loopback
from kerasface.zoo.errors import DownloadError, IntegrityError, OfflineError, ZooError

CHUNK = 1 << 16
PART = ".part"
RETRIED = (429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Patience:
    """How long a download may take and how often it is tried; all times in seconds.

    Attributes:
        connect: for a connection.
        read: without a byte.
        whole: for one file, retries and all.
        tries: times a file is asked for where the server or the line fails.
        pause: before the second try; doubled before each further one.
    """

    connect: float = 10.0
    read: float = 30.0
    whole: float = 900.0
    tries: int = 4
    pause: float = 0.5


class _Passing(Exception):
    """A failure that may be over the next time."""


def is_offline(environ: Mapping[str, str] | None = None) -> bool:
    """Whether `KERASFACE_OFFLINE` forbids the network (anything but empty, 0, false, no)."""
    value = (os.environ if environ is None else environ).get("KERASFACE_OFFLINE", "")
    return value.strip().lower() not in ("", "0", "false", "no")


def part_of(target: Path) -> Path:
    """A new name beside a file for what is not yet whole.

    Not from `tempfile`, whose files only their owner may read: a cache may be filled by one
    user and read by another.
    """
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}{PART}")


def need_client() -> None:
    """Checks that what fetching needs is there; an install without TensorFlow may lack it.

    Raises:
        DownloadError: it is not; one line.
    """
    for package in ("requests", "filelock"):
        if find_spec(package) is None:
            raise DownloadError(
                f"fetching needs the package {package}: pip install requests filelock"
            )


def download(
    url: str,
    target: Path,
    *,
    limit: int,
    size: int | None = None,
    sha256: str | None = None,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> str:
    """Fetches a file; `target` appears at once, whole and checked, or stays as it was.

    Args:
        url: https address (http on loopback only).
        target: where the file goes; its folder exists.
        limit: most bytes that are accepted.
        size: exact number of bytes, where it is known.
        sha256: of the file, where it is known.
        patience: time limits and retries.
        progress: called with the number of bytes after each piece.

    Returns:
        sha256 of the file.

    Raises:
        OfflineError: `KERASFACE_OFFLINE` is set.
        DownloadError: the address may not be fetched, or the server did not give the file.
        IntegrityError: the file came whole and is another one than `sha256` says.
    """
    check_address(url)
    if is_offline():
        raise OfflineError(f"KERASFACE_OFFLINE is set, and {target} would have to come from {url}")
    patience = patience or Patience()

    def attempt(deadline: float) -> str:
        return _attempt(url, target, limit, size, sha256, patience, deadline, progress)

    return _patiently(attempt, f"{url} to {target}", patience)


def fetch_bytes(url: str, *, limit: int, patience: Patience | None = None) -> bytes:
    """A file's content, for what is judged by its own form, such as a picture.

    http and https only, also where a server sends us on, and from https never on to http. Whoever
    names the address makes this machine ask it, one of its own network too.

    Args:
        url: http or https address.
        limit: most bytes that are accepted.
        patience: time limits and retries.

    Raises:
        OfflineError: `KERASFACE_OFFLINE` is set.
        DownloadError: the address may not be fetched, or the server did not give the file.
    """
    check_address(url, plain_http=True)
    if is_offline():
        raise OfflineError(f"KERASFACE_OFFLINE is set. Received: {url}")
    patience = patience or Patience()

    def attempt(deadline: float) -> bytes:
        content = io.BytesIO()
        _stream(url, content, limit, None, patience, deadline, None, plain_http=True)
        return content.getvalue()

    return _patiently(attempt, url, patience)


def _patiently(attempt: Callable[[float], Any], what: str, patience: Patience) -> Any:
    """What `attempt`, called with the deadline, returns; tried again while there is patience."""
    need_client()
    deadline = time.monotonic() + patience.whole
    pause = patience.pause
    for last in [False] * (patience.tries - 1) + [True]:
        try:
            return attempt(deadline)
        except _Passing as error:
            if last or time.monotonic() + pause > deadline:
                raise DownloadError(f"{what}: {error}") from None
        except ZooError:
            raise
        except OSError as error:
            raise DownloadError(f"{what}: {error}") from None
        time.sleep(pause)
        pause *= 2
    raise AssertionError("unreachable: the last try returns or raises")


def _attempt(url, target, limit, size, sha256, patience, deadline, progress) -> str:
    """One try: into a temporary file beside the target, checked, then renamed over it."""
    part = part_of(target)
    try:
        with open(part, "xb") as file:
            received = _stream(url, file, size or limit, size, patience, deadline, progress)
        if sha256 is not None and received != sha256:
            raise IntegrityError(
                f"{url} to {target}: sha256 is {received}, it should be {sha256}; nothing was kept"
            )
        os.replace(part, target)
    finally:
        with suppress(OSError):
            os.unlink(part)
    return received


def _stream(url, file, limit, size, patience, deadline, progress, plain_http: bool = False) -> str:
    """Writes the answer's body and returns its sha256."""
    import requests
    import urllib3

    session = requests.Session()
    try:
        response = _follow(session, url, patience, plain_http)
        declared = response.headers.get("Content-Length", "")
        if declared.isdecimal() and (int(declared) > limit or size not in (None, int(declared))):
            raise DownloadError(f"{url} has {declared} bytes, expected are {size or f'<= {limit}'}")
        digest, count = hashlib.sha256(), 0
        # read1 gives what has come, so that a server that drips meets the deadline.
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            count += len(chunk)
            if count > limit:
                raise DownloadError(f"{url} has more than the {limit} bytes expected")
            if time.monotonic() > deadline:
                raise DownloadError(f"{url} took more than {patience.whole:g} seconds")
            digest.update(chunk)
            file.write(chunk)
            if progress:
                progress(count)
        whole = size if size is not None else int(declared) if declared.isdecimal() else count
        if count != whole:
            raise _Passing(f"the answer ended after {count} of {whole} bytes")
        return digest.hexdigest()
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise _Passing(f"no answer within {patience.read:g} seconds") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _Passing(f"{type(error).__name__}: {error}") from None
    finally:
        session.close()


def _follow(session, url: str, patience: Patience, plain_http: bool):
    """The first answer that is no redirect, each step checked before it is asked for."""
    here = url
    for _ in range(MOST_REDIRECTS + 1):
        # A proxy for the outside world cannot reach this machine's own server.
        session.trust_env = not is_loopback(here)
        response = session.get(
            here,
            stream=True,
            allow_redirects=False,
            timeout=(patience.connect, patience.read),
            # One file a connection: one that is kept may be gone when a redirect comes back to it.
            headers={
                "Accept-Encoding": "identity",
                "Connection": "close",
                "User-Agent": "kerasface",
            },
        )
        if response.status_code in REDIRECTS:
            location = urljoin(here, response.headers.get("Location", ""))
            here = check_redirect(here, location, plain_http)
            response.close()
            # A server may hang up without having said so; the next step is asked afresh.
            session.close()
            continue
        if response.status_code in RETRIED:
            raise _Passing(f"the server answers {response.status_code}")
        if response.status_code != 200:
            raise DownloadError(f"{here}: the server answers {response.status_code}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise DownloadError(f"{here}: the server packs the file though asked not to")
        return response
    raise DownloadError(f"{url} sends us on more than {MOST_REDIRECTS} times")
