"""No network, one number of threads and no deadline, for every test."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
# Of this process and of those that a test starts: with other threads, sums are added up in another order.
os.environ["OMP_NUM_THREADS"] = os.environ.get("UNPROMPT_TEST_THREADS", "1")
os.environ["MKL_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]

import logging
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from transformers.utils import is_torchvision_available

settings.register_profile("unprompt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unprompt")  # a busy machine is no failure


EXTRAS = Path(sys.prefix, "test-extras")
"""What ``make test`` installs beside the environment: open_clip, lpips, and the torchvision that both import."""


def _add_extras() -> None:
    """Let the tests import the extras, after transformers and diffusers have settled that there is no torchvision.

    So everything else is tested as it runs in the environment itself, and in the processes that a test starts.
    """
    is_torchvision_available()
    import_module("diffusers.utils.import_utils")
    sys.path.append(str(EXTRAS))


def _mend_torchvision() -> object:
    """Where torchvision is installed without its operators, as beside a CPU build of torch, declare them.

    Nothing here runs them; without their declaration it cannot be imported, and takes transformers with it.
    """
    try:
        import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return library
    return None


if EXTRAS.is_dir():
    _add_extras()
_DECLARED = _mend_torchvision() if find_spec("torchvision") else None
"""Held as long as the tests run: the declarations go with it."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all tests of a module, of two processors."""
    ray = import_module("ray") if find_spec("ray") else None
    if ray:
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    if ray:
        ray.shutdown()


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    """``caplog`` holds what the package logs, from INFO on."""
    caplog.set_level(logging.INFO, "unprompt")


@pytest.fixture(autouse=True, scope="session")
def _threads() -> None:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
