"""What TIDY and ITEM share: an MLP on the distance of picture and caption, as a whole and object by object."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from unprompt.detectors.base import Detector
from unprompt.detectors.heads import TwoClassHead
from unprompt.detectors.options import PreprocessOptions, TrainedOptions
from unprompt.detectors.towers import check_preprocess
from unprompt.errors import DataError
from unprompt.evidence.alignment import AlignmentEvidence, AlignmentExtractor, Vector, combine, local
from unprompt.validation import Count, Number, checked

if TYPE_CHECKING:
    from unprompt.instruments import Manifest, Suite

Scope: TypeAlias = Literal["global", "local", "both"]
Modality: TypeAlias = Literal["picture", "text", "both"]
Ungrounded: TypeAlias = Literal["global", "left-out"]


@checked()
class DiscrepancyOptions(TrainedOptions, PreprocessOptions):
    """AdamW, rate 1e-3, weight decay 1e-3, 50 epochs (TIDY 4.1, ITEM IV.A); width and batch are ours."""

    hidden: Count = 256
    """Width of the MLP's hidden layer."""
    w1: Number = 1.0
    """Weight of the global distance."""
    w2: Number = 1.0
    """Weight of the local distance."""
    scope: Scope = "global"
    """Which distances count; a head that was saved before there was a choice is a global one."""
    modality: Modality = "both"
    """both = the distance of picture and caption; picture or text = the embedding of one of them in its place (TIDY
    figure 4)."""
    ungrounded: Ungrounded = "global"
    """A picture without a grounded object where ``scope`` is local: global = its global distance stands in; left-out =
    training and figures leave it out and count it, and only a verdict still takes the global distance."""

    @property
    def leaves_out(self) -> bool:
        """Pictures without a grounded object enter no training and no figure."""
        return self.scope == "local" and self.ungrounded == "left-out"


def ungrounded(evidence: Sequence[AlignmentEvidence]) -> npt.NDArray[np.bool_]:
    """N: whether objects were looked for in a picture and none of the caption's phrases was grounded."""
    return np.array([one.objects is not None and not one.objects.boxes for one in evidence], np.bool_)


class DiscrepancyDetector(Detector[AlignmentEvidence, DiscrepancyOptions]):
    """y = MLP(D), d -> hidden -> 2; only the MLP is trained (TIDY eq. 7, ITEM eq. 9)."""

    Evidence = AlignmentEvidence
    Options = DiscrepancyOptions
    roles: ClassVar[tuple[str, ...]] = ("encoder",)
    cacheable_features = True

    @staticmethod
    @abstractmethod
    def discrepancy(image: Vector, text: Vector) -> Vector:
        """The paper's D of N x d pictures and their N x d captions, or of objects and their phrases."""

    @classmethod
    def options_for(cls, manifest: Manifest) -> DiscrepancyOptions:
        """Both distances, as in the papers; where the suite has no grounder the global one, as ITEM IV.C allows."""
        return DiscrepancyOptions(scope="both" if "grounder" in manifest.instruments_of(cls.method) else "global")

    @classmethod
    def evidence_of(cls, options: DiscrepancyOptions) -> AlignmentExtractor:
        return AlignmentExtractor(cls.method, options.scope != "global", options.preprocess)

    @classmethod
    def check_head(cls, suite: Suite, options: DiscrepancyOptions) -> None:
        check_preprocess(suite.encoder, options.preprocess)

    @staticmethod
    @abstractmethod
    def embedding(vectors: Vector) -> Vector:
        """What the paper's D takes of one modality: N x d."""

    def _distances(self, image: Vector, text: Vector) -> Vector:
        """N x d: D, or the embeddings of the one modality that is asked for."""
        if self.options.modality == "both":
            return self.discrepancy(image, text)
        return self.embedding(image if self.options.modality == "picture" else text)

    def _build(self) -> nn.Module:
        return TwoClassHead(self.suite.encoder.width, self.options.hidden)

    def collate(
        self, evidence: Sequence[AlignmentEvidence], rng: np.random.Generator | None = None
    ) -> tuple[Tensor, ...]:
        width = self.suite.encoder.width
        for index, one in enumerate(evidence):
            if one.image.shape != (width,) or one.text.shape != (width,):
                raise DataError(
                    f"evidence[{index}] has vectors of shape {one.image.shape} and {one.text.shape}, expected "
                    f"({width},) like this suite's encoder: extract it again with this suite"
                )
        image, text = np.stack([one.image for one in evidence]), np.stack([one.text for one in evidence])
        distances = self._distances(image, text)
        if self.options.scope == "global":
            return (torch.from_numpy(combine(distances, w1=self.options.w1)),)
        rows = [self._distance(i, Dg, one) for i, (Dg, one) in enumerate(zip(distances, evidence, strict=True))]
        return (torch.from_numpy(np.stack(rows)),)

    def _distance(self, index: int, Dg: Vector, one: AlignmentEvidence) -> Vector:
        """D of a picture with its objects; without any that was grounded w1 Dg, whatever the scope."""
        objects, width = one.objects, self.suite.encoder.width
        if objects is None:
            raise DataError(
                f"evidence[{index}] has no objects, {self.method} with scope {self.options.scope!r} expects them: "
                "extract it again with a suite that has a grounder, or choose scope=global"
            )
        if not objects.boxes:
            return combine(Dg, None, self.options.w1)
        expected = (len(objects.boxes), width)
        if objects.images.shape != expected or objects.texts.shape != expected:
            raise DataError(
                f"evidence[{index}] has object vectors of shape {objects.images.shape} and {objects.texts.shape}, "
                f"expected {expected} like this suite's encoder: extract it again with this suite"
            )
        Dl = local(self._distances(objects.images, objects.texts))
        return combine(Dg, Dl, 0.0 if self.options.scope == "local" else self.options.w1, self.options.w2)
