"""What the cards of both entries share: licences, and how a measured number stands there."""

from __future__ import annotations

LICENCES = {
    "code": "Apache-2.0",
    "weights": "Research and other non-commercial use only, as the terms of the training pictures",
}


def row(task: str, place: tuple[str, str], metric: str, number: dict, n: int, how: str) -> dict:
    """One measured number as `publish` takes it."""
    ci95 = (min(number["low"], number["value"]), max(number["high"], number["value"]))
    where = {"task": task, "dataset": place[0], "split": place[1], "metric": metric}
    return {**where, "value": number["value"], "ci95": ci95, "n": n, "protocol": how}
