"""Files of runs: whole or not there, and never two processes in one."""

import json

import numpy as np
import pytest

from recipes import whole_files


def test_two_processes_do_not_write_into_one_unfinished_file(tmp_path, monkeypatch):
    file, names = tmp_path / "deep" / "x.npy", []
    for process in (1, 2):
        monkeypatch.setattr(whole_files.os, "getpid", lambda process=process: process)
        names.append(whole_files.unfinished(file))
    assert len({*names}) == 2 and {each.suffix for each in names} == {".npy"}
    whole_files.save_whole(file, np.arange(3))
    assert [each.name for each in file.parent.iterdir()] == ["x.npy"]
    assert np.load(file).tolist() == [0, 1, 2]


def test_what_was_there_stays_until_the_new_is_whole(tmp_path, monkeypatch):
    file = tmp_path / "results.json"
    whole_files.write_json(file, {"before": 1})

    def killed(path, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(type(file), "replace", killed)
        whole_files.write_json(file, {"after": 2})
    assert json.loads(file.read_text()) == {"before": 1}
    whole_files.write_json(file, {"after": 2})
    assert json.loads(file.read_text()) == {"after": 2}
    assert file.read_bytes().endswith(b"\n}\n")
