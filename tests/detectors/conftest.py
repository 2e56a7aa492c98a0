"""A fake suite, pictures of awkward sizes with both labels, and one detector of each method."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors import METHODS
from unprompt.detectors.base import Detector
from unprompt.detectors.closed_form import ClosedForm
from unprompt.detectors.methods.panel import Panel
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.testing.fake_suite import save_fake_suite
from unprompt.types import Picture

LABELS = [0, 1, 0, 1, 0, 1, 0]
SIZES = [(40, 30), (1, 50), (64, 48), (32, 32), (90, 5), (20, 33), (33, 120)]

Build = Callable[[str], Detector[Any, Any]]


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite.load(save_fake_suite(tmp_path_factory.mktemp("fake")))


@pytest.fixture(scope="session")
def other_suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    """The same classes with other weights."""
    return Suite.load(save_fake_suite(tmp_path_factory.mktemp("other"), seed=1))


@pytest.fixture(scope="session")
def pictures() -> list[Picture]:
    random = np.random.default_rng(5)
    made = []
    for size in SIZES:
        noise = random.normal(0, 20, (*size, 3)) + random.uniform(60, 200, 3)
        made.append(read(encode_png(noise.clip(0, 255).astype(np.uint8)), str(size)))
    return made


@pytest.fixture(scope="session")
def cache(pictures: list[Picture], suite: Suite) -> ProductCache:
    return ProductCache(pictures, suite)


@pytest.fixture
def build(suite: Suite, cache: ProductCache) -> Build:
    """A fresh detector by name, as ``tidy`` or ``tidy:scope=local``; one that is solved and not trained is solved."""

    def made(method: str) -> Detector[Any, Any]:
        if method == "panel":
            detector: Detector[Any, Any] = Panel(suite, [made("tidy"), made("sare"), made("semgir")])
        else:
            name, _, chosen = method.partition(":")
            kind, (option, _, value) = METHODS[name], chosen.partition("=")
            detector = kind(suite, kind.fitting_options(suite).override({option: value} if option else None))
        if isinstance(detector, ClosedForm):
            detector.solve(detector.extractor.extract(cache), LABELS)
        return detector

    return made


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def moved(before: dict[str, torch.Tensor], module: torch.nn.Module) -> set[str]:
    return {name for name, tensor in module.state_dict().items() if not torch.equal(before[name], tensor)}
