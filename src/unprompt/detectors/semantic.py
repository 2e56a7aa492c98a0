"""What SemGIR and SemGIR-A classify: a picture, its caption and what is drawn from it (section 3.3, table 4).

The Combiner's feature has length 1, CLIP's some ten or more, and the paper scales neither: the drawing would outweigh
the picture, so by default both are brought to one length (``even``) where the Combiner enters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.heads import Combiner
from unprompt.detectors.options import RegenerationOptions
from unprompt.detectors.towers import ImageTower, TextTower
from unprompt.instruments.base import Encoder
from unprompt.validation import Count, Flag, Number, checked

Features: TypeAlias = Literal["combiner", "pair", "candidate-caption", "candidate"]
WIDE: Final = 512
"""Encoders at least this wide get the Combiner of the literature, smaller ones a slim one."""


@checked()
class SemanticOptions(RegenerationOptions):
    """SemGIR's training, of a text encoder and a Combiner too where the caption enters."""

    features: Features = "pair"
    """What is classified (section 3.3 and table 4): pair = E(I_c) || E(I_r); combiner = g(E(I_c), E(T)) || E(I_r);
    candidate-caption = g(E(I_c), E(T)); candidate = E(I_c)."""
    learn_text: Flag = True
    """Learn the text encoder too; False = as the suite has it."""
    widening: Count = 4
    """The Combiner widens each feature this many times."""
    dropout: Annotated[Number, Field(ge=0, lt=1, description="a share from 0 to below 1")] = 0.5
    """Share of the Combiner's inner features that are left out in training."""
    even: Flag = True
    """Bring both features to the length sqrt(d), entries of about 1; False = as Combiner and encoder give them."""

    @property
    def told(self) -> bool:
        """The caption enters."""
        return self.features in ("combiner", "candidate-caption")

    @property
    def drawn(self) -> bool:
        """What is drawn from the caption enters."""
        return self.features in ("combiner", "pair")


class SemanticNetwork(nn.Module):
    """Phi of the pictures, Psi of the caption and the Combiner, as far as the features need them."""

    def __init__(self, features: Features, even: bool, text: TextTower | None, combiner: Combiner | None) -> None:
        super().__init__()
        self.features, self.even = features, even
        self.text, self.combiner = text, combiner

    def joined(self, tower: ImageTower, candidate: Tensor, drawings: Tensor, caption: Sequence[Tensor]) -> Tensor:
        """N x 3 x S x S, N x k x 3 x S x S uint8, ids and mask -> N x k x d, or N x k x 2d with the drawings."""
        image, count = tower(candidate), drawings.shape[1]
        if self.text is not None and self.combiner is not None:
            image = self.combiner(image, self.text(*caption))  # g(E_Ic, E_T), N x d (eq. 5)
        own = self._even(image)[:, None].expand(-1, count, -1)
        if self.features not in ("combiner", "pair"):
            return own
        drawn = tower(drawings.flatten(0, 1)).unflatten(0, (-1, count))  # N x k x d
        return torch.cat([own, self._even(drawn)], dim=-1)  # s_d (eq. 4) or s_a (eq. 6)

    def _even(self, feature: Tensor) -> Tensor:
        """... x d of the length sqrt(d), where that is asked for."""
        return math.sqrt(feature.shape[-1]) * F.normalize(feature, dim=-1) if self.even else feature


def caption_parts(encoder: Encoder, options: SemanticOptions) -> tuple[TextTower | None, Combiner | None]:
    """Psi and the Combiner, or neither where the caption does not enter."""
    if not options.told:
        return None, None
    text = TextTower(encoder, options.layers)
    if not options.learn_text:
        text.requires_grad_(False)
    return text, Combiner(encoder.width, options.widening, options.dropout)


def fitting_widening(encoder: Encoder) -> int:
    """That of the literature, or 1 for a small encoder."""
    return 4 if encoder.width >= WIDE else 1
