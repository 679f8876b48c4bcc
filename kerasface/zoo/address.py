"""Which addresses may be fetched: https, and http on this machine itself."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlsplit

from kerasface.zoo.errors import DownloadError
from kerasface.zoo.names import check_relative


def is_loopback(url: str) -> bool:
    """Whether the address is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(url: str, plain_http: bool = False) -> str:
    """The address itself, if it may be fetched.

    Args:
        url: the address.
        plain_http: whether http may be used for others than loopback.

    Raises:
        DownloadError: another scheme than https (or http, where it may be used), a user name or
            a password in it, or no host.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - the property raises for a port that is no number
    except ValueError as error:
        raise DownloadError(f"no address: {error}. Received: {url!r}") from None
    allowed = ("http", "https") if plain_http or is_loopback(url) else ("https",)
    if parts.scheme not in allowed:
        kinds = "http and https" if plain_http else "https"
        raise DownloadError(f"only {kinds} addresses are fetched. Received: {url!r}")
    if not parts.hostname or not url.isprintable() or " " in url:
        raise DownloadError(f"no address of a file. Received: {url!r}")
    if parts.username is not None or parts.password is not None:
        raise DownloadError(f"an address must not hold a password: https://{parts.hostname}/...")
    return url


def check_redirect(source: str, target: str, plain_http: bool = False) -> str:
    """The address a server sends us on to, if we may follow.

    Args:
        source: the address that was asked.
        target: where it sends us.
        plain_http: as `check_address`; from https it is never left for http.

    Raises:
        DownloadError: as `check_address`, or it leads from elsewhere to this machine.
    """
    try:
        check_address(target, plain_http and urlsplit(source).scheme == "http")
    except DownloadError as error:
        raise DownloadError(f"{source} sends us on: {error}") from None
    if is_loopback(target) and not is_loopback(source):
        raise DownloadError(f"{source} sends us on to this machine itself: {target!r}")
    return target


def check_folder_address(url: str) -> str:
    """The address of a folder without its last "/", if files below it may be fetched.

    Raises:
        DownloadError: as `check_address`, or it holds "?" or "#".
    """
    check_address(url)
    if "?" in url or "#" in url:
        raise DownloadError(f"an entry's address holds no '?' or '#'. Received: {url!r}")
    return url.rstrip("/")


def below(folder: str, relative: str) -> str:
    """The address of a file below a folder's."""
    return f"{folder}/{quote(check_relative(relative))}"
