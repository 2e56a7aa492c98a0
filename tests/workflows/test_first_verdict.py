"""What a first verdict may not load: modules, whose import would take longer than to judge a picture."""

import subprocess
import sys
from pathlib import Path

import pytest

from unprompt.instruments import Suite
from unprompt.workflows.prediction.selftest import Selftest

NEVER = ("sklearn", "pandas", "onnx", "unprompt.evaluation", "unprompt.training")
OTHERS = ("transformers", "diffusers", "accelerate", "scipy.stats", "scipy.ndimage", "pyarrow.compute", "tifffile")
PHOTOGRAPH = (*NEVER, *OTHERS, "unprompt.datasets.miniature", "torch._dynamo")
"""Also of what a scene needs, and of the compiler, which torch loads at its first use."""
SCENE = (*NEVER, "diffusers.pipelines.auto_pipeline", "diffusers.pipelines.controlnet")
DETECT = """
import sys, unprompt
(row,) = unprompt.detect(sys.argv[1])
assert (row.status, row.suite) == ("ok", sys.argv[2]), row
print(*(name for name in sys.argv[3:] if name in sys.modules))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "never"), [("photo", PHOTOGRAPH), ("miniature", SCENE)])
def test_a_first_verdict_loads_no_more_than_it_needs(suite: str, never: tuple[str, ...]) -> None:
    """Of ``auto``; with the tower of the suite photo where it was fetched, by pixels alone elsewhere."""
    selftest = Selftest(Suite.load(suite))
    picture: Path = selftest.folder / next(iter(selftest.golden.pixels))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DETECT, str(picture), suite, *never], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
