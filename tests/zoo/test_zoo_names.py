"""Names, versions, file names and addresses: what is let in and what is not."""

import pytest

from kerasface.zoo.address import below, check_address, check_folder_address, check_redirect
from kerasface.zoo.errors import DownloadError, ManifestError
from kerasface.zoo.names import (
    check_name,
    check_relative,
    check_version,
    inside,
    split_reference,
    version_key,
)


@pytest.mark.parametrize("name", ["student", "student-2", "vgg16_half", "a"])
def test_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "Student", "../x", "a/b", "a\\b", "-a", "a-", "a--b", "a b", "é", "a" * 65, "c:", 3],
)
def test_no_names(name):
    with pytest.raises(ManifestError, match="Received"):
        check_name(name)


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0.0", "01.0.0", "1.0.x", "1.0.٣", "", None])
def test_no_versions(version):
    with pytest.raises(ManifestError, match="MAJOR.MINOR.PATCH"):
        check_version(version)


def test_ten_comes_after_nine():
    assert sorted(["1.10.0", "1.9.0", "1.2.3"], key=version_key) == ["1.2.3", "1.9.0", "1.10.0"]


def test_references():
    assert split_reference("student") == ("student", None)
    assert split_reference("student@1.0.0") == ("student", "1.0.0")
    for wrong in ("student@", "student@latest", "@1.0.0", "student@1.0.0@1.0.0"):
        with pytest.raises(ManifestError):
            split_reference(wrong)


@pytest.mark.parametrize(
    "name",
    [
        "../x", "a/../b", "/etc/passwd", "a\\b", "C:x", "a//b", "./a", "a/", ".hidden", "a/.b",
        "a/b/c/d", "x..y", "con\n", "", "a" * 65, None,
    ],
)  # fmt: skip
def test_no_files_of_an_entry(name):
    with pytest.raises(ManifestError, match="plain segments"):
        check_relative(name)


def test_links_are_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"x")
    (tmp_path / "figures").symlink_to(tmp_path / "real")
    (tmp_path / "b.png").symlink_to(tmp_path / "real" / "a.png")
    assert inside(tmp_path, "real/a.png").read_bytes() == b"x"
    for name in ("figures/a.png", "b.png"):
        with pytest.raises(ManifestError, match="symbolic link"):
            inside(tmp_path, name)


@pytest.mark.parametrize(
    "url", ["https://example.org/a", "http://127.0.0.1:80/a", "http://localhost/a", "http://[::1]/"]
)
def test_addresses(url):
    assert check_address(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a", "ftp://example.org/a", "file:///etc/passwd", "example.org", "",
        "https://", "https://me:secret@example.org/a", "https://example.org/a b",
        "https://example.org:port/a", "http://127.0.0.1.example.org/", "https://example.org/\n",
    ],
)  # fmt: skip
def test_no_addresses(url):
    with pytest.raises(DownloadError) as caught:
        check_address(url)
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


def test_redirects_stay_on_https():
    assert check_redirect("https://a.org/x", "https://b.org/y") == "https://b.org/y"
    for target in ("file:///etc/passwd", "http://b.org/y", "http://127.0.0.1/y", "https://[::1]/y"):
        with pytest.raises(DownloadError, match="https://a.org/x sends us on"):
            check_redirect("https://a.org/x", target)


def test_addresses_of_folders():
    assert check_folder_address("https://a.org/zoo/") == "https://a.org/zoo"
    assert below("https://a.org/zoo", "figures/a.png") == "https://a.org/zoo/figures/a.png"
    for url in ("https://a.org/zoo?x=1", "https://a.org/zoo#x"):
        with pytest.raises(DownloadError):
            check_folder_address(url)
    with pytest.raises(ManifestError):
        below("https://a.org/zoo", "../secret")
