"""Figures are stored short, and in one order."""

import json

from unprompt.recipes.figures import encoded


def test_numbers_are_rounded_and_names_sorted() -> None:
    figures = {"b": [0.1234567891, 3, (1e-9, None)], "a": {"auc": 0.9, "count": 12345678, "told": "0.123456789"}}
    told = encoded(figures)
    assert told == b'{"a":{"auc":0.9,"count":12345678,"told":"0.123456789"},"b":[0.123457,3,[1e-09,null]]}\n'
    assert encoded(json.loads(told)) == told
