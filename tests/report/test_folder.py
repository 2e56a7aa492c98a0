"""What is wrong with a report is told before anything is computed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unprompt.errors import OptionError
from unprompt.workflows.attribute import attribute
from unprompt.workflows.audit import audit
from unprompt.workflows.detect import detect


@pytest.mark.parametrize("work", [detect, attribute, audit])
@pytest.mark.parametrize("inner", ["", "inner/page"])
def test_a_file_is_no_folder(work: Callable[..., Any], inner: str, tmp_path: Path) -> None:
    (file := tmp_path / "taken").write_text("something else")
    told = f"--report is '{file / inner}', but {file} is a file; expected a folder, or where one can be made"
    with pytest.raises(OptionError, match=re.escape(told)):
        work("no-such-loader:gone.png", report=file / inner)
    assert file.read_text() == "something else"


@pytest.mark.parametrize("work", [detect, attribute])
def test_pictures_are_left_out_of_a_report_alone(work: Callable[..., Any]) -> None:
    with pytest.raises(OptionError, match="--no-pictures is given, but there is no report: add --report DIR"):
        work("gone.png", no_pictures=True)
