"""Every verb has the same options and defaults on the command line as in Python."""

from __future__ import annotations

import inspect

import pytest

import unprompt
from unprompt.cli import (
    analyse,
    attribute,
    audit,
    card,
    detect,
    evidence,
    fetch,
    fitting,
    import_checkpoint,
    lists,
    reproduce,
)
from unprompt.workflows import evidence as looking_after

PYTHON_ONLY = {"ask", "watch", "options"}
WRITTEN_OTHERWISE = {"form", "settings"}
"""--format is no business of the function; --set NAME=VALUE becomes its options."""
VERBS = {
    "analyse": analyse.analyse,
    "attribute": attribute.attribute,
    "audit": audit.audit,
    "card": card.card,
    "detect": detect.detect,
    "extract": fitting.extract,
    "fetch": fetch.fetch,
    "import_checkpoint": import_checkpoint.import_checkpoint,
    "reproduce": reproduce.reproduce,
    "train": fitting.train,
    "evaluate": fitting.evaluate,
    "doctor": lists.doctor,
}


@pytest.mark.parametrize("verb", VERBS)
def test_defaults_are_those_of_the_function(verb: str) -> None:
    function = inspect.signature(getattr(unprompt, verb)).parameters
    flags = inspect.signature(VERBS[verb]).parameters
    assert {name: one.default for name, one in flags.items() if name not in WRITTEN_OTHERWISE} == {
        name: one.default for name, one in function.items() if name not in PYTHON_ONLY
    }


@pytest.mark.parametrize("verb", ["ls", "verify", "prune"])
def test_defaults_of_what_evidence_does_are_those_of_the_function(verb: str) -> None:
    function = inspect.signature(getattr(looking_after, verb)).parameters
    flags = inspect.signature(getattr(evidence, verb)).parameters
    assert {name: one.default for name, one in flags.items() if name not in WRITTEN_OTHERWISE} == {
        name: one.default for name, one in function.items() if name not in PYTHON_ONLY
    }
