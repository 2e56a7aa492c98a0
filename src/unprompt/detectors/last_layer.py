"""What a trained network has made of a picture before its last layer answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from unprompt.detectors.base import Model
from unprompt.errors import OptionError


def last_inputs(model: Model[Any, Any], evidence: Sequence[Any]) -> npt.NDArray[np.float64]:
    """N x d: what the linear layer takes that is the last to run, of N pieces of evidence.

    :class:`OptionError` for a network in which no linear layer takes one vector of each picture.
    """
    taken: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        taken[:] = inputs[:1]

    layers = [one for one in model.network.modules() if isinstance(one, nn.Linear)]
    hooks = [layer.register_forward_pre_hook(keep) for layer in layers]
    parts = []
    try:
        for one in evidence:  # alone, since some networks take each picture at a size of its own
            model.logits([one])
            if not taken or taken[0].ndim != 2 or len(taken[0]) != 1:
                raise OptionError(
                    f"{model.method} has no linear layer at its end that takes one vector of each picture: expected "
                    "the head of a method such as cnndet, dire or item"
                )
            parts.append(taken[0].double().cpu().numpy())
    finally:
        for hook in hooks:
            hook.remove()
    return np.concatenate(parts)
