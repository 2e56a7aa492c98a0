"""What a detector is: one paper's evidence -> a logit, with all the checking done here, once.

A method supplies its ``Options``, its extractor, ``_build`` (the network) and ``collate`` (evidence -> the
network's inputs). Every network answers one logit a picture, **higher = more likely generated**; a paper's
cross-entropy over two outputs is the binary cross-entropy of their difference, so one loss serves all.
What a detector shares with an attributor, whose network answers one logit a picture and candidate, is ``Model``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.detectors import checkpoint
from unprompt.detectors.calibration import Calibration, Isotonic, Thresholds, sigmoid, stored_calibration
from unprompt.detectors.checkpoint import Header
from unprompt.detectors.options import Options as AnyOptions
from unprompt.errors import CheckpointError, DataError, OptionError, SuiteError, first_cause
from unprompt.evidence.base import Extractor
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.sequence import StoredEvidence
from unprompt.instruments.digests import file_digest
from unprompt.instruments.loading import device_of
from unprompt.instruments.threads import threads, weights_of
from unprompt.types import Picture

if TYPE_CHECKING:
    from unprompt.instruments import Manifest, Suite

E = TypeVar("E")
O = TypeVar("O", bound=AnyOptions)  # noqa: E741
Floats = npt.NDArray[np.float64]
BATCH = 32
"""Pictures that go through a network at once when it predicts."""


class Model(ABC, Generic[E, O]):
    """One method's trained network over one suite; in evaluation mode from birth."""

    method: ClassVar[str]
    version: ClassVar[int] = 1
    Options: ClassVar[type[AnyOptions]]
    Evidence: ClassVar[type]
    """What the extractor makes and the head takes."""
    roles: ClassVar[tuple[str, ...]] = ()
    """Instruments that the head itself is built on, beside those of its evidence."""
    cacheable_features: ClassVar[bool] = False
    """``collate`` makes the same small rows at every call: a training calls it once, and keeps the rows in memory."""
    large_operations: ClassVar[bool] = False
    """The network computes much with few weights, so that several threads are worth it."""

    def __init__(self, suite: Suite, options: O | None = None, seed: int = 0) -> None:
        self.suite = suite.of(self.method)
        self.options = options if options is not None else self.fitting_options(suite)
        self.extractor = self._extractor()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = self._build().eval()
        self.figures: dict[str, Any] = {}
        self.training: dict[str, Any] = {}
        """How it was trained, for the card: seed, epochs, pictures, what the run changed."""
        self.digest: str | None = None
        """SHA-256 of the checkpoint that this was loaded from or saved to; None before."""
        self.path: Path | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.options!r})"

    @classmethod
    def options_for(cls, manifest: Manifest) -> O:
        """The paper's options, as far as a suite's file determines them: enough to know which evidence is needed."""
        return cast(O, cls.Options())

    @classmethod
    def sized_options(cls, suite: Suite) -> O:
        """The same, with the sizes that fit the suite's instruments."""
        return cls.options_for(suite.manifest)

    @classmethod
    def fitting_options(cls, suite: Suite) -> O:
        """The same, with what the suite's file gives to the method; :class:`SuiteError` where it gives what is none."""
        try:
            return cls.sized_options(suite).override(suite.manifest.options_of(cls.method))
        except OptionError as error:
            raise SuiteError(f"{suite.manifest.file}: methods.{cls.method}.options: {error}") from error

    @classmethod
    def picture_side(cls, suite: Suite) -> int | None:
        """Pixels a side that a suite without a backbone is made for, as its encoder takes them; None = photographs."""
        named = suite.manifest.instruments_of(cls.method)
        if "encoder" not in named or "backbone" in named:
            return None
        from unprompt.detectors.towers import HasVisionTower  # here, since no score needs transformers

        encoder = suite.of(cls.method).encoder
        return encoder.side if isinstance(encoder, HasVisionTower) else None

    @classmethod
    def check_suite(cls, suite: Suite, options: O) -> None:
        """:class:`SuiteError`, or MissingExtra, when the suite lacks what the evidence or the head is built on.

        From configurations alone: it loads no weights, and is called before anything costly is extracted.
        """
        own, extractor = suite.of(cls.method), cls.evidence_of(options)
        drawn = {place for product in extractor.products() for place in product.instruments}
        for place in sorted({*extractor.roles, *cls.head_roles(options), *drawn}):
            own.instrument(place).check()
        cls.check_head(own, options)

    @classmethod
    def head_roles(cls, options: O) -> Sequence[str]:
        """Those of ``roles`` that a head with these options is built on."""
        return cls.roles

    @classmethod
    def check_head(cls, suite: Suite, options: O) -> None:
        """:class:`SuiteError` when the head cannot be built on the instruments of ``suite``, as this method sees it."""

    def logits(self, evidence: Sequence[E]) -> Floats:
        """N float64 (N x candidates of an attributor), finite, independent of batch and order to 1e-4."""
        self.check(evidence)
        starts = range(0, len(evidence), BATCH)
        return self.answers(self.collate(list(evidence[start : start + BATCH])) for start in starts)

    def answers(self, batches: Iterable[tuple[Tensor, ...]]) -> Floats:
        """As :meth:`logits`, from what :meth:`collate` made of batch after batch."""
        self.network.eval()
        with torch.inference_mode(), self.threads():
            rows = [self.network(*(tensor.to(self.device) for tensor in inputs)).cpu().numpy() for inputs in batches]
        logits = np.concatenate(rows, dtype=np.float64) if rows else np.zeros(0)
        if bad := int((~np.isfinite(logits)).sum()):
            raise CheckpointError(
                f"{self.method} answers {bad} of {logits.size} logits that are NaN or infinite: its training diverged "
                "or its file is damaged; train it again"
            )
        return logits

    def threads(self) -> AbstractContextManager[None]:
        """Inside, torch computes with as many threads as fit the network."""
        return threads(math.inf if self.large_operations else weights_of(self.network))

    def predict_evidence(self, evidence: Sequence[E]) -> Floats:
        """Scores in [0, 1], the sigmoid of the logits; not calibrated."""
        return sigmoid(self.logits(evidence))

    def predict(self, pictures: Sequence[Picture]) -> Floats:
        """Extract, then :meth:`predict_evidence`; without a store."""
        return self.predict_evidence(self.extractor.extract(ProductCache(pictures, self.suite)))

    def instruments(self) -> dict[str, str]:
        """Role -> digest of every instrument that the score depends on."""
        roles = sorted({*self.extractor.roles, *self.head_roles(self.options)})
        return {role: self.suite.card(role).digest for role in roles}

    def prepare_fit(self, evidence: Sequence[E]) -> None:
        """Called once with the evidence that a training is to learn from, before its first step and before resuming."""

    def loss(self, inputs: Sequence[Tensor], target: Tensor) -> Tensor:
        """What a training step makes smaller: the binary cross-entropy, unless the paper has a loss of its own."""
        logits: Tensor = self.network(*inputs)
        return F.binary_cross_entropy_with_logits(logits.float(), target)  # of half precision too

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What an optimiser is to move, and how fast."""
        trainable = [weight for weight in self.network.parameters() if weight.requires_grad]
        return [{"params": trainable}]

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> Self:
        """Move the network; the suite's instruments stay where they are."""
        self.network.to(device)
        return self

    def _extractor(self) -> Extractor[E]:
        return self.evidence_of(self.options)

    @classmethod
    @abstractmethod
    def evidence_of(cls, options: O) -> Extractor[E]:
        """What makes the evidence of this method, under these options."""

    @abstractmethod
    def _build(self) -> nn.Module:
        """The network, from the options and the suite; logits from what ``collate`` returns."""

    @abstractmethod
    def collate(self, evidence: Sequence[E], rng: np.random.Generator | None = None) -> tuple[Tensor, ...]:
        """The network's inputs; with ``rng`` they are augmented for training."""

    def save(self, path: Path | str, *, half: bool = False) -> None:
        """One safetensors file; ``half`` stores float16, which :meth:`load` widens again.

        Weights that stay as the suite has them lie in the suite alone, whose digest the checkpoint names.
        """
        self.path = Path(path)
        self.digest = checkpoint.write(self.path, self._header(), checkpoint.own(self.network), half=half)

    @classmethod
    def load(cls, path: Path | str, suite: Suite) -> Self:
        """A saved detector on the suite's device; CheckpointError for another method, version or instruments.

        :class:`SuiteError` for a head of the suite with another digest than its file states.
        """
        path = Path(path)
        header, tensors = checkpoint.read(path)
        digest = file_digest(path)
        suite.manifest.check_digest(path, digest)
        if (header.method, header.version) != (cls.method, cls.version):
            raise CheckpointError(
                f"{path} holds {header.method} version {header.version}, expected {cls.method} version {cls.version}: "
                "give another checkpoint, or train it again with this edition"
            )
        try:
            with checkpoint.fitting(tensors):
                model = cls._from_header(header, path, suite)
        except (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError) as error:
            raise CheckpointError(
                f"{path}: no network can be built from its options ({first_cause(error)}): train it again", path=path
            ) from error
        _check_instruments(path, header.instruments, model.instruments())
        checkpoint.restore(model.network, tensors, path)
        model._restore(replace(header, **suite.manifest.fit_of(digest)))
        model.figures, model.training = dict(header.figures), dict(header.training)
        model.path, model.digest = path, digest
        return model.to(device_of(suite.device))

    @classmethod
    def _from_header(cls, header: Header, path: Path, suite: Suite) -> Self:
        return cls(suite, cast(O, cls.Options.from_dict(header.options)))

    def _header(self) -> Header:
        return Header(
            method=self.method,
            version=self.version,
            options=self.options.to_dict(),
            instruments=self.instruments(),
            figures=self.figures,
            training=self.training,
        )

    @abstractmethod
    def _restore(self, header: Header) -> None:
        """Take what was fitted on validation data from a checkpoint's header."""

    def check(self, evidence: Sequence[E]) -> None:
        """:class:`DataError` for evidence of another method; a store's was checked by its view."""
        if isinstance(evidence, StoredEvidence):
            return
        for index, one in enumerate(evidence):
            if not isinstance(one, self.Evidence):
                raise DataError(
                    f"evidence[{index}] is {type(one).__name__}, {self.method} expects {self.Evidence.__name__}: "
                    f"extract it with unprompt extract {self.extractor.method}"
                )


class Detector(Model[E, O]):
    """A method that tells generated pictures from real ones: N logits, higher = more likely generated."""

    def __init__(self, suite: Suite, options: O | None = None, seed: int = 0) -> None:
        super().__init__(suite, options, seed)
        self.calibration: Calibration | Isotonic | None = None
        self.thresholds: Thresholds | None = None

    def probability(self, logits: npt.ArrayLike, prior: float = 0.5) -> Floats:
        """Calibrated probabilities of "generated"; :class:`CheckpointError` before a calibration."""
        if self.calibration is None:
            raise CheckpointError(f"{self.method} has no calibration: train it with validation evidence")
        return self.calibration.probability(logits, prior)

    def _header(self) -> Header:
        return replace(
            super()._header(),
            calibration=self.calibration.to_dict() if self.calibration else None,
            thresholds=self.thresholds.to_dict() if self.thresholds else None,
        )

    def _restore(self, header: Header) -> None:
        self.calibration = stored_calibration(header.calibration) if header.calibration else None
        self.thresholds = Thresholds.from_dict(header.thresholds) if header.thresholds else None


def _check_instruments(path: Path, stored: Mapping[str, str], present: Mapping[str, str]) -> None:
    for role in sorted(stored.keys() | present.keys()):
        fitted, own = stored.get(role, "none"), present.get(role, "none")
        if fitted != own:
            raise CheckpointError(
                f"{path} was fitted with the {role} {fitted[:12]}, this suite has {own[:12]}: use its own suite, or "
                "train it again on evidence of this one"
            )
