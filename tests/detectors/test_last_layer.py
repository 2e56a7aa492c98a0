"""What the last layer takes: the answer is that layer's of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from unprompt.detectors.base import Detector
from unprompt.detectors.last_layer import last_inputs
from unprompt.errors import OptionError
from unprompt.evidence.product_cache import ProductCache

Build = Callable[[str], Detector[Any, Any]]


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("cnndet", lambda network, taken: network.head(taken).squeeze(-1)),
        ("dire", lambda network, taken: network.head(taken).squeeze(-1)),
        ("item", lambda network, taken: network.second(taken) @ torch.tensor([-1.0, 1.0])),
    ],
)
def test_the_last_layer_makes_the_answer_of_it(
    method: str, answer: Callable[[Any, torch.Tensor], torch.Tensor], build: Build, cache: ProductCache
) -> None:
    detector = build(method)
    evidence = detector.extractor.extract(cache)
    taken = last_inputs(detector, evidence)
    assert taken.shape[0] == len(evidence)
    with torch.inference_mode():
        made = answer(detector.network, torch.from_numpy(taken).float())
    np.testing.assert_allclose(made.numpy(), detector.logits(evidence), atol=1e-4)
    assert not any(one._forward_pre_hooks for one in detector.network.modules())  # nothing stays behind


def test_a_network_without_such_a_layer_is_refused(build: Build, cache: ProductCache) -> None:
    detector = build("univfd-nn")
    with pytest.raises(OptionError, match="univfd-nn has no linear layer at its end that takes one vector"):
        last_inputs(detector, detector.extractor.extract(cache))
