"""Two replicas, and two hosts, train as one device on the same global batch; a lost host returns.

Two processes on loopback stand for two hosts, parts of the processor for devices.
"""

import argparse
import json
import signal

import pytest

from kerasface.training.devices import add_devices, devices_of
from tests.processes import PATIENCE, begin, free_port, printed

# Seconds without a sign of a host's life after which it counts as lost. The first pair loses one,
# and the other waits as long; a machine of tests may be busy.
LOST_AFTER = (30, 120)


def test_one_device_is_as_without():
    parser = argparse.ArgumentParser()
    add_devices(parser)
    devices, batches, model = devices_of(parser.parse_args([])), object(), object()
    assert (devices.replicas, devices.host, devices.chief) == (1, 0, True)
    assert devices.share(batches, 15) is batches
    assert devices.once(lambda: devices) is devices
    devices.check_rows(15, 1)
    devices.close()
    assert devices.callbacks((batches, model)) == [batches, model]
    with devices.scope(), devices.alone(model) as asked:
        assert asked is model


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replicas")
    module = "tests.training.train_on_replicas"
    return printed(begin(module, folder, KERAS_BACKEND="tensorflow"))


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """What both hosts wrote at the end, and how each pair ended."""
    pytest.importorskip("jax", reason="NOT TESTED: jax is not installed")
    folder, ends = tmp_path_factory.mktemp("hosts"), []
    for patience in LOST_AFTER:
        port, on_jax = free_port(), {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
        module = "tests.training.train_on_hosts"
        pair = [begin(module, host, port, folder, patience, **on_jax) for host in (0, 1)]
        try:
            errors = [each.communicate(timeout=PATIENCE)[1][-3000:] for each in pair]
        finally:
            for each in pair:
                each.kill()
        ends.append([each.returncode for each in pair])
    assert ends[1] == [0, 0], errors
    return ends, [json.loads((folder / f"host-{host}.json").read_text()) for host in (0, 1)]


def check(found, *more):
    """Weights and state of the optimiser equal to 1e-5, and every log."""
    assert found["moved"] > 1e-2
    assert found["apart"] < 1e-5
    assert {"age_loss", "age_gradient_norm", "age_soft_loss", *more} <= set(found["logs"])
    for name, (one, many) in found["logs"].items():
        assert many == pytest.approx(one, rel=1e-4, abs=1e-5), name


@pytest.mark.slow
def test_two_replicas_train_as_one_device_and_go_on(replicas):
    """Stopped after two of four epochs; against one device that was not."""
    assert (replicas["backend"], replicas["replicas"]) == ("tensorflow", 2)
    assert replicas["first"] == 2
    check(replicas)


@pytest.mark.slow
def test_each_replica_is_dealt_every_second_row(replicas):
    rows = [*range(0, 16, 2), *range(1, 16, 2)]
    pairs = [row + place for row in (*range(0, 16, 4), *range(2, 16, 4)) for place in (0, 1)]
    assert replicas["dealt"] == [[row + 2 for row in rows], rows, rows, pairs]


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, words",
    [
        (0, "rows of a batch are dealt to 2 devices evenly. Received: 15 rows"),
        (1, "dealt to 2 devices evenly, 4 by 4. Received: 12 rows"),
        (2, "must know the rows of its batches. Received: rows=None"),
        (3, "Received: devices=3 of 2"),
        (4, "KERAS_BACKEND=jax. Received: hosts=2"),
        (5, "1 or more. Received: devices=0"),
    ],
)
def test_what_cannot_be_is_one_line(replicas, number, words):
    assert words in replicas["refused"][number] and "\n" not in replicas["refused"][number]


@pytest.mark.slow
def test_two_hosts_train_as_one_device_although_one_was_lost(hosts):
    """Triplets and dropout too: on JAX a step is of the global batch."""
    (first, second), _ = hosts[0]
    assert second == -signal.SIGKILL and first != 0
    found = hosts[1][0]
    assert 1 <= found["first"] <= 2 and hosts[1][1]["first"] == found["first"]
    check(found, "style_active_share")


@pytest.mark.slow
def test_each_host_has_its_rows(hosts):
    for host, found in enumerate(hosts[1]):
        rows = list(range(8 * host, 8 * host + 8))
        assert found["dealt"] == [[row + 2 for row in rows], rows, rows, rows]
        assert (found["replicas"], found["chief"]) == (2, host == 0)


@pytest.mark.slow
def test_what_is_done_once_is_told_to_all_and_so_is_its_failure(hosts):
    first, second = (found["told"] for found in hosts[1])
    assert first[0] == second[0] == {"host": 0}
    assert first[1:] == ["KeyError", "'no such key'"]
    assert second[1] == "RuntimeError" and "Received: KeyError: 'no such key'" in second[2]
