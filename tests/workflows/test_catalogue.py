"""The catalogues and the doctor."""

from __future__ import annotations

from unprompt.detectors import EVERY
from unprompt.workflows.catalogue import datasets, methods, suites
from unprompt.workflows.doctor import doctor


def test_every_method_says_what_it_is() -> None:
    rows = methods()
    assert [row.name for row in rows] == list(EVERY)
    assert all(row.title.endswith(".") or row.title for row in rows)


def test_the_data_specifications() -> None:
    rows = datasets()
    assert [row.name for row in rows][:3] == ["folder:", "manifest:", "huggingface:"]
    assert rows[-1].name == "miniature:"
    assert all(row.title.endswith((".", "]")) for row in rows)


def test_the_suites_tell_their_lanes() -> None:
    assert {row.name: row.lanes for row in suites()}["miniature"] == "exact, fast, draft"
    assert {row.name: row.lanes for row in suites()}["photo"] == "exact"


def test_the_doctor_finds_nothing_wrong_with_the_embedded_suites() -> None:
    findings = doctor()
    assert {"python", "torch", "disk"} <= {row.name for row in findings}
    assert [row for row in findings if row.status == "fail"] == []
