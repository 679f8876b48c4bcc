"""Answers in words."""

import pytest

from kerasface.apps.wording import in_words


@pytest.mark.parametrize(
    "answer, words",
    [
        ({"label": "happy", "confidence": 0.934}, "happy 93 %"),
        ({"value": 31.2, "unit": "years", "low": 24.0, "high": 38.6}, "31 years (24 to 39)"),
        ({"value": 31.2, "unit": "years"}, "31 years"),
        ({"points": [[0.1, 0.2]]}, ""),
        ({}, ""),
    ],
)
def test_in_words(answer, words):
    assert in_words(answer) == words
