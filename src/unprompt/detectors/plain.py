"""What the plain classifiers on other networks than a ResNet share: where the network comes from, and its size."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from unprompt.detectors.trunk import SMALL, PixelDetector, Trunk, TrunkClassifier, TrunkOptions, require_backbone
from unprompt.instruments.base import Backbone

if TYPE_CHECKING:
    from unprompt.instruments import Manifest, Suite


class PlainDetector(PixelDetector):
    """A network on the picture: a copy of the suite's backbone where that is one of its kind, else from scratch."""

    kind: ClassVar[str]
    """What a suite's file calls such a backbone."""
    backbone: ClassVar[type[Backbone]]

    @staticmethod
    @abstractmethod
    def small(side: int) -> Any:
        """Sizes of the network for pictures of ``side`` pixels, under 112."""

    @classmethod
    def options_for(cls, manifest: Manifest) -> TrunkOptions:
        spec = manifest.instruments_of(cls.method).get("backbone")
        return cls.Options(backbone="suite" if spec is not None and spec.kind == cls.kind else "scratch")

    @classmethod
    def sized_options(cls, suite: Suite) -> TrunkOptions:
        options, side = cls.options_for(suite.manifest), cls.picture_side(suite)
        if side is None or side >= SMALL:
            return options
        return options.override({"resize": side, "crop": round(side * 224 / 256), "trunk": cls.small(side)})

    @classmethod
    def check_head(cls, suite: Suite, options: TrunkOptions) -> None:
        if options.backbone == "suite":
            require_backbone(suite, cls.backbone, cls.kind)

    def _build(self) -> nn.Module:
        return TrunkClassifier(Trunk(self.suite, self.options, self.backbone, self.kind))
