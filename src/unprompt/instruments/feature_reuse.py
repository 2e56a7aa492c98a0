"""Reuse of a UNet's deep features between steps of one drawing.

DeepCache: Ma et al., CVPR 2024, https://arxiv.org/abs/2312.00858, with its cache at the last up block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


class FeatureReuse:
    """A diffusers ``UNet2DConditionModel`` whose deep levels answer at most steps what they answered last.

    Deep is all but the first down block and the last up block. At step i = 0, 1, ... of a drawing the whole UNet is
    computed where ``every`` divides i, and where the batch has another shape than before, as when guidance begins or
    ends. At the others the last up block takes its input as it was then, and fresh skip connections from ``conv_in``
    and the first down block.
    """

    def __init__(self, unet: Any, every: int) -> None:
        self._unet, self._every = unet, every
        self._step, self._shape, self._whole = 0, torch.Size(), True
        for block in (*unet.down_blocks[1:], unet.mid_block, *unet.up_blocks[:-1]):
            if block is not None:
                block.forward = self._remembering(block.forward)

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Inside is one drawing, from its first step on."""
        self._step, self._shape = 0, torch.Size()
        hook = self._unet.register_forward_pre_hook(self._begin)
        try:
            yield
        finally:
            hook.remove()
            self._whole = True

    def _begin(self, unet: object, inputs: tuple[Any, ...]) -> None:
        shape = inputs[0].shape
        self._whole = self._step % self._every == 0 or shape != self._shape
        self._step, self._shape = self._step + 1, shape

    def _remembering(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """``forward`` at whole steps, and what it answered at the last one at others."""
        last: Any = None

        def block(*inputs: Any, **named: Any) -> Any:
            nonlocal last
            if self._whole:
                last = forward(*inputs, **named)
            return last

        return block
