"""The command: help, version, bad input in one line and exit code 2, and a quick start."""

import subprocess
import sys

import pytest

import kerasface
from kerasface.apps.main import build_parser, main


def test_every_command_has_help(capsys):
    commands = (
        ["analyze"],
        ["label"],
        ["embed"],
        ["verify"],
        ["train"],
        ["transfer"],
        ["zoo"],
        ["zoo", "list"],
        ["publish"],
    )
    for words in ([], *commands):
        with pytest.raises(SystemExit) as stop:
            main([*words, "--help"])
        assert stop.value.code == 0
        assert "usage: kerasface" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert kerasface.__version__ in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["paint"], ["analyze", "x", "--runtime", "y"]])
def test_wrong_usage_is_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2


@pytest.mark.parametrize(
    "words, text",
    [
        (["analyze", "no/such.jpg"], "no such file or folder: no/such.jpg"),
        (["analyze"], "give pictures or --watch SOURCE"),
        (["train", "face_zo/train"], "near: face_zoo/train"),
        (["zoo", "info", "no/such/entry"], "no/such/entry"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, text, capsys):
    assert main(words) == 2
    out, error = capsys.readouterr()
    assert out == "" and text in error
    assert error.startswith("error: ") and error.count("\n") == 1


def test_traceback_on_request():
    with pytest.raises(FileNotFoundError):
        main(["--traceback", "analyze", "no/such.jpg"])


def test_bugs_are_not_dressed_up_as_bad_input(monkeypatch):
    def broken(options):
        raise ZeroDivisionError

    monkeypatch.setattr("kerasface.apps.commands.train.run", broken)
    with pytest.raises(ZeroDivisionError):
        main(["train"])


def test_interruption_is_quiet(monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("kerasface.apps.commands.train.run", interrupted)
    assert main(["train"]) == 130


LIGHT = """
import sys
from kerasface.apps.main import build_parser
build_parser()
heavy = {"keras", "tensorflow", "jax", "matplotlib", "PIL", "rich"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""


def test_parser_needs_no_network_library():
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_module_and_script_are_one(capsys):
    assert build_parser().prog == "kerasface"
    done = subprocess.run(
        [sys.executable, "-m", "kerasface", "analyze", "no/such.jpg"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "no such file" in done.stderr
