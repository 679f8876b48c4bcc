"""`kerasface demo`: what it says, refuses and serves; the page itself is in `test_page`."""

import importlib.util
import signal

import pytest

from kerasface.apps import main as command
from kerasface.apps.page import server


def test_is_served_until_interrupted(monkeypatch, model, capsys):
    """With all tasks: whether race is shown is asked on the page."""
    served = []

    class Served:
        def __init__(self, analyzer, host, port):
            served.append((analyzer, host, port))

        def __enter__(self):
            return "http://127.0.0.1:7777/"

        def __exit__(self, *error):
            served.append("closed")

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("kerasface.zoo.load", lambda name, runtime: model, raising=False)
    monkeypatch.setattr(server, "serve", Served)
    monkeypatch.setattr("time.sleep", interrupt)
    handlers = {}
    monkeypatch.setattr("signal.signal", lambda number, handler: handlers.update({number: handler}))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    words = ["demo", "--detector", "none", "--host", "192.0.2.1", "--port", "7777"]
    assert command.main(words) == command.INTERRUPTED
    (analyzer, *place), closed = served
    assert [task.name for task in analyzer.tasks] == [task.name for task in model.tasks]
    assert place == ["192.0.2.1", 7777] and closed == "closed"
    assert handlers == {signal.SIGTERM: signal.default_int_handler}
    out = capsys.readouterr()
    assert "open http://127.0.0.1:7777/" in out.out
    assert "whoever reaches 192.0.2.1 can use this page" in out.err


def test_without_gradio_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert command.main(["demo"]) == command.BAD_INPUT
    assert "pip install 'kerasface[demo]'" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "70000", "-1"])
def test_ports_that_are_none(monkeypatch, capsys, port):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
    assert command.main(["demo", "--port", port]) == command.BAD_INPUT
    assert f"Received: {port}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("0.0.0.0", False),
     ("example.org", False), ("", False)],
)  # fmt: skip
def test_hosts_of_this_machine(host, here):
    assert server.is_loopback(host) is here
