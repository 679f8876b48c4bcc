"""The hours of the general model's trainings."""

import json
import time

import pytest

from recipes.general_knowledge import clock


def test_core_seconds_of_all_processes_are_counted_and_of_broken_off_tries(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "available_cores", lambda: 4)
    for name in ("way-cnn", "source-age", "way-cnn"):
        with clock.clock(tmp_path, name):
            pass
    with pytest.raises(KeyboardInterrupt), clock.clock(tmp_path, "way-cnn"):
        time.sleep(0.05)
        raise KeyboardInterrupt
    noted = [json.loads(line) for line in (tmp_path / clock.SECONDS).read_text().splitlines()]
    assert [each["name"] for each in noted] == ["way-cnn", "source-age", "way-cnn", "way-cnn"]
    spent = clock.seconds(tmp_path)
    assert spent["way-cnn"] == sum(noted[each]["core_seconds"] for each in (0, 2, 3))
    assert noted[3]["core_seconds"] >= 4 * 0.05 and len(spent) == 2
    assert clock.seconds(tmp_path / "another") == {}


def test_time_is_noted_while_it_is_spent(tmp_path):
    file = tmp_path / clock.SECONDS
    begin = time.monotonic()
    with clock.clock(tmp_path, "source-age", every=0.01):
        while not file.exists() or len(file.read_text().splitlines()) < 3:
            time.sleep(0.005)
            assert time.monotonic() - begin < 60
        spent = clock.seconds(tmp_path)["source-age"]
        assert 0 < spent <= clock.available_cores() * (time.monotonic() - begin)


def test_a_bound_process_counts_its_own_cores(monkeypatch):
    monkeypatch.setattr(clock.os, "sched_getaffinity", lambda process: {3}, raising=False)
    assert clock.available_cores() == 1
    monkeypatch.delattr(clock.os, "sched_getaffinity")
    monkeypatch.setattr(clock.os, "cpu_count", lambda: 6)
    assert clock.available_cores() == 6


def test_a_block_within_a_block_has_its_own_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(clock, "available_cores", lambda: 2)
    with clock.clock(tmp_path, "way-bt"):
        now[0] += 3
        with clock.clock(tmp_path, "choice"), clock.clock(None, "counted by another host"):
            now[0] += 10
        now[0] += 4
        with pytest.raises(ValueError), clock.clock(tmp_path, "choice"):
            now[0] += 20
            raise ValueError
        now[0] += 5
    with clock.clock(tmp_path, "way-bct"):
        now[0] += 1
    assert clock.seconds(tmp_path) == {"way-bt": 24.0, "choice": 60.0, "way-bct": 2.0}
