"""Where the things of many scenes stand, as a grounder learns it: boxes by the phrases of the captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from unprompt.instruments.phrases import noun_phrases
from unprompt.scenes.corpus import SIZE, Corpus, Indices
from unprompt.scenes.scene import Scene
from unprompt.scenes.shapes import Floats
from unprompt.scenes.visibility import look

REACH: Final = 1.0
"""A cell answers for a thing whose middle lies less than this many cells from its own, across and down."""
MOST: Final = 3
"""Things in a scene."""


def truth(scene: Scene) -> dict[str, Floats]:
    """The boxes of a scene (4 edges in shares of the picture) by the phrases of its captions, short and long."""
    boxes = look(scene.view, scene.things, SIZE).boxes()
    long = [f"a {thing.size} {thing.material} {thing.colour} {thing.shape}" for thing in scene.things]
    return dict(zip(scene.phrases, boxes, strict=True)) | dict(zip(long, boxes, strict=True))


def kind(phrase: str) -> str:
    """Colour and shape, which single out a thing in its scene: ``red ball`` of ``a small matte red ball``."""
    return " ".join(phrase.split()[-2:])


@dataclass(frozen=True, eq=False)
class GroundingTargets:
    """What there is to find in N scenes.

    A phrase names a thing of its colour and shape, whatever it says of size and make: it says where to look.
    """

    phrases: tuple[str, ...]
    """All that their captions mention: things, and floors, which have no box."""
    boxes: Tensor
    """N x MOST x 4 edges; NaN where a scene has fewer things."""
    kinds: Tensor
    """N x MOST rows of ``names``; the last one where a scene has fewer things."""
    names: Tensor
    """Kinds x phrases of 0 and 1; the last row names nothing."""

    @classmethod
    def of(cls, scenes: Corpus, first: int) -> GroundingTargets:
        """Those of the scenes from seed ``first`` on."""
        captions = {*scenes.captions, *scenes.long_captions}
        phrases = sorted({phrase for caption in captions for phrase in noun_phrases(caption)})
        order = {name: row for row, name in enumerate(sorted({kind(phrase) for phrase in phrases}))}
        names = np.array([[kind(phrase) == name for phrase in phrases] for name in [*order, None]])
        boxes = np.full((len(scenes), MOST, 4), np.nan, np.float32)
        kinds = np.full((len(scenes), MOST), len(order))
        for row in range(len(scenes)):
            scene = Scene.sample(first + row)
            here = truth(scene)
            for place, phrase in enumerate(scene.phrases):
                boxes[row, place], kinds[row, place] = here[phrase], order[kind(phrase)]
        return cls(tuple(phrases), torch.from_numpy(boxes), torch.from_numpy(kinds), torch.from_numpy(names).float())

    def on_cells(self, indices: Indices, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """For scenes and a grid of side x side cells: is a thing near, which phrases name the nearest, and its edges.

        B x cells bool, B x cells x phrases of 0 and 1 (all 0 where none is near), B x cells x 4.
        """
        boxes = self.boxes[indices]
        middle = (boxes[..., :2] + boxes[..., 2:]) / 2  # B x MOST x 2
        steps = (torch.arange(side) + 0.5) / side
        down, across = torch.meshgrid(steps, steps, indexing="ij")
        cells = torch.stack([across, down], -1).reshape(-1, 1, 2)
        apart = (middle[:, None] - cells).abs().amax(-1).nan_to_num(nan=np.inf) * side  # B x cells x MOST
        least, nearest = apart.min(-1)
        there, rows = least < REACH, torch.arange(len(boxes))[:, None]
        named = self.names[self.kinds[indices][rows, nearest]]
        return there, named * there[..., None], boxes[rows, nearest]


def overlap(left: Tensor, right: Tensor, generalised: bool = False) -> Tensor:
    """Intersection over union of N x 4 edges each; generalised: minus the hull's empty share, in (-1, 1]."""
    inner = (torch.minimum(left, right)[:, 2:] - torch.maximum(left, right)[:, :2]).clamp(min=0).prod(1)
    hull = (torch.maximum(left, right)[:, 2:] - torch.minimum(left, right)[:, :2]).clamp(min=0).prod(1)
    union = sum((one[:, 2:] - one[:, :2]).clamp(min=0).prod(1) for one in (left, right)) - inner
    found = inner / union.clamp(min=1e-9)
    return found - (1 - union / hull.clamp(min=1e-9)) if generalised else found
