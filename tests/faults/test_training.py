"""Faults of a training: each is named, or the run ends as if it had not been.

Kills are in tests/training/test_killed_run.py and test_devices.py.
"""

import pytest

from tests.faults.training_faults import FAULTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.group}: {fault.name}")
def test_fault(fault, tmp_path):
    fault.attack(tmp_path)
