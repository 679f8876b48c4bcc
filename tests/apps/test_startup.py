"""Lines of the backend are hidden while it starts, errors and wishes to see them are not."""

import os
import sys

import pytest

from kerasface.apps.startup import LEVEL, quiet_start


def shout(text):
    os.write(2, text)  # as C++ code does, past Python's sys.stderr


def test_lines_are_hidden_and_stderr_comes_back(monkeypatch, capfd):
    monkeypatch.delenv(LEVEL, raising=False)
    with quiet_start():
        shout(b"hidden")
    shout(b"seen")
    assert capfd.readouterr().err == "seen"


def test_what_python_writes_is_seen(monkeypatch, capfd):
    monkeypatch.delenv(LEVEL, raising=False)
    monkeypatch.setattr(sys, "stderr", own := open(2, "w", closefd=False, encoding="utf-8"))
    with quiet_start():
        shout(b"hidden")
        print("seen", file=sys.stderr)
    assert sys.stderr is own
    print("too", file=sys.stderr)
    own.flush()
    assert capfd.readouterr().err == "seen\ntoo\n"


def test_who_sets_the_level_sees_everything(monkeypatch, capfd):
    monkeypatch.setenv(LEVEL, "0")
    with quiet_start():
        shout(b"seen")
    assert capfd.readouterr().err == "seen"


def test_errors_come_out(monkeypatch, capfd):
    monkeypatch.delenv(LEVEL, raising=False)
    with pytest.raises(ImportError), quiet_start():
        raise ImportError("no backend")
    shout(b"seen")
    assert capfd.readouterr().err == "seen"
