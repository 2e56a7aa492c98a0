"""SemGIR-A: whose drawing of the caption does the picture resemble, given the caption? (section 3.3, 3.4)

Each candidate is a binary problem of its own: its pictures against all others. The paper trains one network a
candidate; here the candidates share the encoders and the Combiner, and each has its own classifier. The Combiner's
feature has length 1, CLIP's some ten or more, and the paper scales neither: the drawing would outweigh the picture, so
by default both are brought to one length (``even``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors.attributor import Attributor, AttributorOptions, candidates_of
from unprompt.detectors.heads import Combiner, TwoClassHead
from unprompt.detectors.options import RegenerationOptions
from unprompt.detectors.towers import ImageTower, TextTower, as_pixels, check_towers, require_text_tower
from unprompt.errors import DataError
from unprompt.evidence.attribution import AttributionEvidence, AttributionExtractor
from unprompt.images import centre_square
from unprompt.types import RGB
from unprompt.validation import Count, Flag, Number, checked

if TYPE_CHECKING:
    from unprompt.instruments import Manifest, Suite

Features: TypeAlias = Literal["combiner", "pair", "candidate-caption", "candidate"]
WIDE = 512
"""Encoders at least this wide get the Combiner of the literature, smaller ones a slim one."""


@checked()
class SemgirAOptions(RegenerationOptions, AttributorOptions):
    """SemGIR's training, of a text encoder and a Combiner too."""

    learn_text: Flag = True
    """Learn the text encoder too; False = as the suite has it."""
    widening: Count = 4
    """The Combiner widens each feature this many times."""
    dropout: Annotated[Number, Field(ge=0, lt=1, description="a share from 0 to below 1")] = 0.5
    """Share of the Combiner's inner features that are left out in training."""
    mirror: Flag = False
    """In training, mirror half of all pictures and drawings at random; the paper names no augmentation."""
    even: Flag = True
    """Bring both features to the length sqrt(d), entries of about 1; False = as Combiner and encoder give them."""
    features: Features = "combiner"
    """What is classified: combiner = g(E(I_c), E(T)) || E(I_r); of the paper's ablation (table 4) pair = E(I_c) ||
    E(I_r), candidate-caption = g(E(I_c), E(T)), candidate = E(I_c)."""


class SemgirANetwork(nn.Module):
    """Phi of the pictures, Psi of the caption, the Combiner, then 2d (or d) -> d -> 2 for each candidate."""

    def __init__(
        self,
        image: ImageTower,
        text: TextTower,
        combiner: Combiner,
        heads: Sequence[nn.Module],
        even: bool,
        features: Features = "combiner",
    ) -> None:
        super().__init__()
        self.image, self.text, self.combiner, self.even, self.features = image, text, combiner, even, features
        self.heads = nn.ModuleList(heads)

    def forward(self, candidate: Tensor, ids: Tensor, mask: Tensor, regenerations: Tensor) -> Tensor:
        """N x 3 x S x S uint8, N x context twice, N x K x 3 x S x S uint8 -> N x K logits."""
        image = self.image(candidate)
        if self.features in ("combiner", "candidate-caption"):
            image = self.combiner(image, self.text(ids, mask))  # g(E_Ic, E_T), N x d (eq. 5)
        own = self._even(image)[:, None].expand(-1, len(self.heads), -1)  # N x K x d
        if self.features in ("combiner", "pair"):
            drawn = self.image(regenerations.flatten(0, 1)).unflatten(0, (-1, len(self.heads)))  # N x K x d
            own = torch.cat([own, self._even(drawn)], dim=-1)  # s_a, N x K x 2d (eq. 6)
        return torch.stack([head(own[:, k]) for k, head in enumerate(self.heads)], dim=1)

    def _even(self, feature: Tensor) -> Tensor:
        """... x d of the length sqrt(d), where that is asked for."""
        return math.sqrt(self.image.width) * F.normalize(feature, dim=-1) if self.even else feature


class SemgirAttributor(Attributor[AttributionEvidence, SemgirAOptions]):
    """Which candidate's drawing of its caption a picture resembles, or none: Combiner(E(I_c), E(T)) || E(I_r)."""

    method = "semgir-a"
    Options = SemgirAOptions
    Evidence = AttributionEvidence
    network: SemgirANetwork
    roles: ClassVar[tuple[str, ...]] = ("encoder",)

    @classmethod
    def options_for(cls, manifest: Manifest) -> SemgirAOptions:
        """The suite's candidates."""
        return SemgirAOptions(generators=candidates_of(manifest, cls.method))

    @classmethod
    def fitting_options(cls, suite: Suite) -> SemgirAOptions:
        """A slim Combiner for a small encoder."""
        wide = suite.of(cls.method).encoder.width >= WIDE
        return replace(cls.options_for(suite.manifest), widening=4 if wide else 1)

    @classmethod
    def evidence_of(cls, options: SemgirAOptions) -> AttributionExtractor:
        return AttributionExtractor(options.generators)

    @classmethod
    def check_head(cls, suite: Suite, options: SemgirAOptions) -> None:
        check_towers(suite.encoder, options.layers, text=True)

    def _build(self) -> SemgirANetwork:
        encoder, layers = self.suite.encoder, self.options.layers
        image, text = ImageTower(encoder, layers), TextTower(encoder, layers)
        combiner, features = Combiner(image.width, self.options.widening, self.options.dropout), self.options.features
        told, drawn = (features in (one, "combiner") for one in ("candidate-caption", "pair"))
        if not (told and self.options.learn_text):
            text.requires_grad_(False)
        combiner.requires_grad_(told)
        heads = [TwoClassHead((1 + drawn) * image.width, image.width) for _ in self.options.generators]
        return SemgirANetwork(image, text, combiner, heads, self.options.even, features)

    def _network_of(self, heads: Sequence[int]) -> SemgirANetwork:
        own, chosen = self.network, [self.network.heads[k] for k in heads]
        made = SemgirANetwork(own.image, own.text, own.combiner, chosen, own.even, own.features)
        return made.train(own.training)

    def collate(
        self, evidence: Sequence[AttributionEvidence], rng: np.random.Generator | None = None
    ) -> tuple[Tensor, ...]:
        for index, one in enumerate(evidence):
            if lacking := [name for name in self.candidates if name not in one.regenerations]:
                raise DataError(
                    f"evidence[{index}] has no regeneration by {', '.join(lacking)}, only by "
                    f"{', '.join(one.regenerations) or 'none'}: extract it again with this suite"
                )
        side = self.network.image.side

        def shown(rgb: RGB) -> RGB:
            square = centre_square(rgb, side)
            return square[:, ::-1] if rng is not None and self.options.mirror and rng.integers(2) else square

        candidates = as_pixels([shown(one.candidate) for one in evidence])
        drawn = [as_pixels([shown(one.regenerations[name]) for name in self.candidates]) for one in evidence]
        ids, mask = require_text_tower(self.suite.encoder).tokens([one.caption.text for one in evidence])
        return candidates, ids, mask, torch.stack(drawn)
