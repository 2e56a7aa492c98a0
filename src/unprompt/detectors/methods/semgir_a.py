"""SemGIR-A: whose drawing of the caption does the picture resemble, given the caption? (section 3.3, 3.4)

Each candidate is a binary problem of its own: its pictures against all others. The paper trains one network a
candidate (``shared=False``); here by default the candidates share the encoders and the Combiner, and each has its own
classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from unprompt.detectors.attributor import Attributor, AttributorOptions, candidates_of
from unprompt.detectors.heads import Combiner, TwoClassHead
from unprompt.detectors.semantic import Features, SemanticNetwork, SemanticOptions, caption_parts, fitting_widening
from unprompt.detectors.towers import (
    ImageTower,
    TextTower,
    as_pixels,
    check_towers,
    require_text_tower,
    require_vision_tower,
)
from unprompt.errors import DataError
from unprompt.evidence.attribution import AttributionEvidence, AttributionExtractor
from unprompt.images import centre_square
from unprompt.types import RGB
from unprompt.validation import Flag, checked

if TYPE_CHECKING:
    from unprompt.instruments import Manifest, Suite


@checked()
class SemgirAOptions(SemanticOptions, AttributorOptions):
    """SemGIR's training, of a text encoder and a Combiner too."""

    features: Features = "combiner"
    mirror: Flag = False
    """In training, mirror half of all pictures and drawings at random; the paper names no augmentation."""
    shared: Flag = True
    """One set of encoders and one Combiner for all candidates, each of which has a classifier of its own; False = a
    whole network for each candidate, as in the paper, in as many times the memory."""


class SemgirANetwork(SemanticNetwork):
    """Phi of the pictures, Psi of the caption, the Combiner, then 2d (or d) -> d -> 2 for each candidate."""

    def __init__(
        self,
        image: ImageTower,
        text: TextTower | None,
        combiner: Combiner | None,
        heads: Sequence[nn.Module],
        even: bool,
        features: Features = "combiner",
    ) -> None:
        super().__init__(features, even, text, combiner)
        self.image = image
        self.heads = nn.ModuleList(heads)

    def forward(self, candidate: Tensor, ids: Tensor, mask: Tensor, regenerations: Tensor) -> Tensor:
        """N x 3 x S x S uint8, N x context twice, N x K x 3 x S x S uint8 -> N x K logits."""
        joined = self.joined(self.image, candidate, regenerations, (ids, mask))
        return torch.stack([head(joined[:, k]) for k, head in enumerate(self.heads)], dim=1)

    def subset(self, heads: Sequence[int]) -> SemgirANetwork:
        """The same with some of its heads."""
        chosen = [self.heads[k] for k in heads]
        return SemgirANetwork(self.image, self.text, self.combiner, chosen, self.even, self.features)


class SemgirANetworks(nn.Module):
    """A network for each candidate, which shares nothing with the others."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, candidate: Tensor, ids: Tensor, mask: Tensor, regenerations: Tensor) -> Tensor:
        """As :class:`SemgirANetwork`."""
        own = regenerations.split(1, dim=1)
        pairs = zip(self.networks, own, strict=True)
        return torch.cat([network(candidate, ids, mask, drawing) for network, drawing in pairs], dim=1)

    def subset(self, networks: Sequence[int]) -> SemgirANetworks:
        """The same with some of its networks."""
        return SemgirANetworks([self.networks[k] for k in networks])


class SemgirAttributor(Attributor[AttributionEvidence, SemgirAOptions]):
    """Which candidate's drawing of its caption a picture resembles, or none: Combiner(E(I_c), E(T)) || E(I_r)."""

    method = "semgir-a"
    Options = SemgirAOptions
    Evidence = AttributionEvidence
    network: SemgirANetwork | SemgirANetworks
    roles: ClassVar[tuple[str, ...]] = ("encoder",)

    @classmethod
    def options_for(cls, manifest: Manifest) -> SemgirAOptions:
        """The suite's candidates."""
        return SemgirAOptions(generators=candidates_of(manifest, cls.method))

    @classmethod
    def sized_options(cls, suite: Suite) -> SemgirAOptions:
        """A slim Combiner for a small encoder."""
        widening = fitting_widening(suite.of(cls.method).encoder)
        return replace(cls.options_for(suite.manifest), widening=widening)

    @classmethod
    def evidence_of(cls, options: SemgirAOptions) -> AttributionExtractor:
        return AttributionExtractor(options.generators)

    @classmethod
    def check_head(cls, suite: Suite, options: SemgirAOptions) -> None:
        check_towers(suite.encoder, options.layers, text=True)

    def _build(self) -> SemgirANetwork | SemgirANetworks:
        count = len(self.options.generators)
        if self.options.shared:
            return self._built(count)
        return SemgirANetworks([self._built(1) for _ in range(count)])

    def _built(self, candidates: int) -> SemgirANetwork:
        encoder, options = self.suite.encoder, self.options
        image = ImageTower(encoder, options.layers)
        text, combiner = caption_parts(encoder, options)
        heads = [TwoClassHead((1 + options.drawn) * image.width, image.width) for _ in range(candidates)]
        return SemgirANetwork(image, text, combiner, heads, options.even, options.features)

    def _network_of(self, heads: Sequence[int]) -> SemgirANetwork | SemgirANetworks:
        return self.network.subset(heads).train(self.network.training)

    def collate(
        self, evidence: Sequence[AttributionEvidence], rng: np.random.Generator | None = None
    ) -> tuple[Tensor, ...]:
        for index, one in enumerate(evidence):
            if lacking := [name for name in self.candidates if name not in one.regenerations]:
                raise DataError(
                    f"evidence[{index}] has no regeneration by {', '.join(lacking)}, only by "
                    f"{', '.join(one.regenerations) or 'none'}: extract it again with this suite"
                )
        side = require_vision_tower(self.suite.encoder).side

        def shown(rgb: RGB) -> RGB:
            square = centre_square(rgb, side)
            return square[:, ::-1] if rng is not None and self.options.mirror and rng.integers(2) else square

        candidates = as_pixels([shown(one.candidate) for one in evidence])
        drawn = [as_pixels([shown(one.regenerations[name]) for name in self.candidates]) for one in evidence]
        ids, mask = require_text_tower(self.suite.encoder).tokens([one.caption.text for one in evidence])
        return candidates, ids, mask, torch.stack(drawn)
