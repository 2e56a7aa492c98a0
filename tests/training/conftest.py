"""Every method that is trained by steps, with a little evidence of its own and labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors import ATTRIBUTORS, EVERY
from unprompt.detectors.attributor import targets
from unprompt.detectors.base import Model
from unprompt.detectors.options import TrainedOptions
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.testing.fake_suite import save_fake_suite
from unprompt.training.fit import Validation, prepare
from unprompt.training.loop import Task
from unprompt.training.state import TrainingState

TRAINED = [name for name, made in EVERY.items() if issubclass(made.Options, TrainedOptions)]
MAKERS = ["diffusion", None, "sibling", "flow", "diffusion", "sibling", None, "diffusion", "sibling"]


@dataclass(frozen=True)
class Lesson:
    """One method's evidence; ``training`` is a fresh start each time."""

    method: str
    suite: Suite
    evidence: list[Any]
    labels: Any

    def detector(self, **options: Any) -> Model[Any, Any]:
        made = EVERY[self.method]
        return made(self.suite, made.fitting_options(self.suite).override({"epochs": 2, "batch": 4, **options}))

    @property
    def held(self) -> Validation:
        return Validation(self.evidence[:5], self.labels[:5])

    def training(self, detector: Model[Any, Any]) -> tuple[TrainingState, Task]:
        return prepare(detector, self.evidence, self.labels, 3, self.held)


def weights(detector: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in detector.network.state_dict().items()}


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite.load(save_fake_suite(tmp_path_factory.mktemp("fake")))


@pytest.fixture(scope="session")
def lessons(suite: Suite) -> Callable[[str], Lesson]:
    random, made = np.random.default_rng(5), dict[str, Lesson]()
    noises = [random.normal(0, 20, (36, 40, 3)) + random.uniform(60, 200, 3) for _ in MAKERS]
    pictures = [read(encode_png(noise.clip(0, 255).astype(np.uint8)), str(place)) for place, noise in enumerate(noises)]

    def lesson(method: str) -> Lesson:
        if method not in made:
            detector = EVERY[method](suite)
            labels = [int(maker is not None) for maker in MAKERS]
            told = targets(suite.candidates, MAKERS) if method in ATTRIBUTORS else labels
            made[method] = Lesson(method, suite, detector.extractor.extract(ProductCache(pictures, suite)), told)
        return made[method]

    return lesson


@pytest.fixture(params=TRAINED)
def lesson(request: pytest.FixtureRequest, lessons: Callable[[str], Lesson]) -> Lesson:
    return lessons(request.param)
