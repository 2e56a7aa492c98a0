"""Is a picture in the distribution that a suite was made for? A head gives no verdict on any other.

A suite with an encoder looks at two descriptions of the picture at the encoder's size, what the image tower makes of
it and its plain colours and textures; a suite without one looks at the traces in its pixels. Each description is
compared with many pictures in distribution by a Mahalanobis distance: Lee et al., 2018,
https://arxiv.org/abs/1807.03888. A picture is in distribution that is so in every description.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from unprompt.detectors import checkpoint
from unprompt.detectors.gaussian import LEAST_VARIANCE, MahalanobisGaussian
from unprompt.detectors.towers import as_pixels, require_clip
from unprompt.errors import CheckpointError, DataError, OptionError
from unprompt.evidence.alignment import Vector
from unprompt.evidence.traces import middle, traces
from unprompt.images import centre_square
from unprompt.instruments.base import Encoder
from unprompt.instruments.digests import file_digest
from unprompt.structured_text import parse_object
from unprompt.types import RGB
from unprompt.validation import Positive, Share, Size, Whole, checked

if TYPE_CHECKING:
    from unprompt.instruments import Suite

Floats: TypeAlias = npt.NDArray[np.float64]

VERSION: Final = 1
KIND: Final = "world"
BANDS: Final = 4
"""Horizontal bands that are described apart: scenes have an above and a below."""
FALSE_ALARMS: Final = 0.005
FLAT: Final = 1.0
TOO_FLAT: Final = "too flat to be judged: its middle is of nearly one brightness"
STEP_QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


def token_features(layers: Sequence[Tensor]) -> Floats:
    """Layers of N x rows x columns x d tokens -> N x F: mean of each band of rows, deviation over all tokens."""
    parts = []
    for tokens in layers:
        bands = tokens.tensor_split(min(BANDS, tokens.shape[1]), dim=1)
        parts += [band.mean(dim=(1, 2)) for band in bands] + [tokens.std(dim=(1, 2), correction=0)]
    return np.asarray(torch.cat(parts, dim=1).cpu().numpy(), np.float64)


def texture_features(rgb: RGB) -> Floats:
    """64 numbers: by band the colours' mean and deviation, the lightest and darkest grey, and how neighbours differ.

    A step is the sum of a grey pixel's absolute differences to the right and downwards; ln(1 + step) is described
    by five quantiles, of which the lowest separates a sensor's grain from a flat surface.
    """
    x = rgb.astype(np.float64)
    grey = np.pad(x.mean(axis=2), ((0, 1), (0, 1)), mode="edge")
    steps = np.abs(np.diff(grey, axis=1))[:-1] + np.abs(np.diff(grey, axis=0))[:, :-1]
    parts = []
    for rows in np.array_split(np.arange(len(x)), BANDS):
        band, light = x[rows], grey[rows, :-1]
        quantiles = np.log1p(np.quantile(steps[rows], STEP_QUANTILES))
        parts += [band.mean(axis=(0, 1)), band.std(axis=(0, 1)), np.quantile(light, (0.02, 0.98)), quantiles]
    return np.concatenate(parts)


@checked("")
class OODHeader:
    """The header of a fitted check."""

    encoder: str
    """Digest of the encoder that it was fitted with; empty = it looks at the traces in the pixels."""
    threshold: Positive
    """Greatest distance in distribution; distances are counted in the views' own thresholds, so it is near 1."""
    false_alarms: Share
    """Share of held-out pictures that it may call out of distribution."""
    pictures: Whole
    held_out: Whole
    limits: tuple[Positive, ...]
    """The same quantile of each view alone: tokens and texture, or traces."""
    least: Size = 0
    """Shorter side, in pixels, below which a picture is out of distribution whatever it shows."""
    most: Size = 0
    """Longer side, in pixels, above which it is so; 0 = none."""
    version: Whole = VERSION
    kind: str = KIND


class OODDetector:
    """Pictures like those that a suite was made for, known from all others by their distance."""

    def __init__(
        self, encoder: Encoder | Callable[[], Encoder] | None, clouds: tuple[MahalanobisGaussian, ...], facts: OODHeader
    ) -> None:
        self._given, self._clouds, self.facts = encoder, clouds, facts

    @cached_property
    def _encoder(self) -> Encoder | None:
        """Made when a picture of fitting size is seen: where the size alone tells, no model is needed."""
        return self._given if self._given is None or isinstance(self._given, Encoder) else self._given()

    @classmethod
    def fit(
        cls,
        encoder: Encoder,
        pictures: Sequence[RGB],
        held_out: Sequence[RGB],
        false_alarms: float = FALSE_ALARMS,
        most: int = 0,
    ) -> OODDetector:
        """Gaussians of ``pictures``, the threshold from ``held_out``, of which at most ``false_alarms`` lie beyond.

        ``most``: the longer side in pixels of the largest picture in distribution; 0 = of any size.
        """
        if not 0 < false_alarms < 1:
            raise OptionError(f"false_alarms must lie between 0 and 1, got {false_alarms}")
        if len(pictures) < 2 or len(held_out) * false_alarms < 1:
            raise DataError(
                f"got {len(pictures)} pictures and {len(held_out)} held-out ones, expected at least 2 and "
                f"{np.ceil(1 / false_alarms):.0f} for a false-alarm rate of {false_alarms}: give more, or raise it"
            )
        clouds = tuple(MahalanobisGaussian.fit(rows) for rows in _views(encoder, pictures))
        distances = _distances(clouds, _views(encoder, held_out))
        limits = tuple(distance_limit(one, false_alarms) for one in distances)
        threshold = distance_limit(_worst(distances, limits), false_alarms)
        counts = len(pictures), len(held_out)
        facts = OODHeader(encoder.card.digest, threshold, false_alarms, *counts, limits, most=most)
        return cls(encoder, clouds, facts)

    def distances(self, pictures: Sequence[RGB], vectors: Sequence[Vector] | None = None) -> Floats:
        """N distances >= 0 from the mean, of pictures of any size; the greatest of the views.

        ``vectors`` are the pictures' traces, where they were computed before; a suite without an encoder uses them.
        """
        if not pictures:
            return np.zeros(0)
        if vectors is None or self.facts.encoder:
            views = _views(self._encoder, pictures)
        else:
            views = (np.stack(vectors).astype(np.float64),)
        return _worst(_distances(self._clouds, views), self.facts.limits)

    def is_ood(self, pictures: Sequence[RGB], vectors: Sequence[Vector] | None = None) -> npt.NDArray[np.bool_]:
        """N answers: does the picture lie beyond the threshold, or is its size or its flatness nothing to judge?"""
        unfit = np.array([self._unfit(rgb) is not None for rgb in pictures], np.bool_)
        places = np.flatnonzero(~unfit).tolist()
        known = None if vectors is None else [vectors[place] for place in places]
        if places:
            unfit[places] = self.distances([pictures[place] for place in places], known) > self.facts.threshold
        return unfit

    def reason(self, rgb: RGB) -> str | None:
        """Whether its size or its contrast keeps a picture out of distribution, in words; None for neither."""
        if (told := self._unfit(rgb)) is not None:
            return told
        if self._encoder is not None and min(rgb.shape[:2]) < (side := require_clip(self._encoder).side):
            return _too_small(rgb, side)
        return TOO_FLAT if _is_flat(rgb) else None

    def _unfit(self, rgb: RGB) -> str | None:
        """Why no distance is asked for, in words."""
        height, width = rgb.shape[:2]
        if min(height, width) < self.facts.least:
            return _too_small(rgb, self.facts.least)
        if self.facts.most and max(height, width) > self.facts.most:
            most = f"a longer side of {self.facts.most} or less"
            return f"too large for this suite: {width} x {height} pixels, expected {most}"
        if not self.facts.encoder and _is_flat(rgb):
            return TOO_FLAT
        return None

    def save(self, path: Path | str) -> None:
        """One safetensors file, the facts as JSON in its header; written aside and renamed."""
        tensors = {
            f"{view}.{name}": torch.from_numpy(np.ascontiguousarray(values))
            for view, cloud in zip(_names(self.facts.encoder), self._clouds, strict=True)
            for name, values in vars(cloud).items()
        }
        checkpoint.save_aside(Path(path), tensors, {checkpoint.KEY: json.dumps(asdict(self.facts), sort_keys=True)})

    @classmethod
    def load(cls, path: Path | str, suite: Suite) -> OODDetector:
        """A saved check; :class:`CheckpointError` when damaged, or fitted with another encoder than the suite's."""
        path = Path(path)
        metadata, tensors = checkpoint.load(path)
        suite.manifest.check_digest(path, file_digest(path))
        facts = _facts(path, metadata.get(checkpoint.KEY, "{}"))
        views = _names(facts.encoder)
        if len(facts.limits) != len(views):
            raise CheckpointError(f"{path} has {len(facts.limits)} limits, expected {len(views)}: fit it again")
        encoder = partial(_encoder_of, suite, facts, path) if facts.encoder else None
        return cls(encoder, tuple(_cloud(path, tensors, view) for view in views), facts)


def _encoder_of(suite: Suite, facts: OODHeader, path: Path) -> Encoder:
    """The suite's; CheckpointError for another than the check was fitted with."""
    encoder = suite.encoder
    if facts.encoder != encoder.card.digest:
        raise CheckpointError(
            f"{path} was fitted with the encoder {facts.encoder[:12]}, this suite has "
            f"{encoder.card.digest[:12]}: use its own suite, or fit the check again"
        )
    return encoder


def _too_small(rgb: RGB, least: int) -> str:
    height, width = rgb.shape[:2]
    return f"too small to be judged: {width} x {height} pixels, expected a shorter side of {least} or more"


def _is_flat(rgb: RGB) -> bool:
    """Whether the middle deviates from its mean by less than a grey level."""
    return float(middle(rgb).mean(axis=2).std()) < FLAT


def _names(encoder: str) -> tuple[str, ...]:
    return ("tokens", "texture") if encoder else ("traces",)


def _views(encoder: Encoder | None, pictures: Sequence[RGB]) -> tuple[Floats, ...]:
    """N x F of the tokens and N x 64 of the texture; without an encoder N x W of the traces."""
    if encoder is None:
        return (np.stack([traces(middle(rgb)) for rgb in pictures]).astype(np.float64),)
    clip = require_clip(encoder)
    tokens, textures = [], []
    for start in range(0, len(pictures), encoder.batch_size):
        squares = [centre_square(rgb, clip.side) for rgb in pictures[start : start + encoder.batch_size]]
        tokens.append(token_features(_layers(encoder, squares)))
        textures += [texture_features(square) for square in squares]
    return np.concatenate(tokens), np.stack(textures)


@torch.inference_mode()
def _layers(encoder: Encoder, squares: Sequence[RGB]) -> list[Tensor]:
    """Patch tokens behind the first, the middle and the last layer, N x rows x columns x d each."""
    clip = require_clip(encoder)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (clip.mean, clip.std))
    pixels = ((as_pixels(squares).float() / 255 - mean) / std).to(clip.model.device, clip.model.dtype)
    states = clip.model.vision_model(pixel_values=pixels, output_hidden_states=True).hidden_states
    last = len(states) - 1
    chosen = [states[layer][:, 1:].float() for layer in (1, (last + 1) // 2, last)]
    rows = math.isqrt(chosen[0].shape[1])
    return [tokens.unflatten(1, (rows, rows)) for tokens in chosen]


def _distances(clouds: Sequence[MahalanobisGaussian], views: Sequence[Floats]) -> tuple[Floats, ...]:
    return tuple(cloud.distances(rows) for cloud, rows in zip(clouds, views, strict=True))


def _worst(distances: Sequence[Floats], limits: Sequence[float]) -> Floats:
    return np.asarray(np.max([one / limit for one, limit in zip(distances, limits, strict=True)], axis=0))


def distance_limit(distances: Floats, beyond: float) -> float:
    """The distance of a held-out picture that at most a share ``beyond`` of them exceed, never 0."""
    return max(float(np.quantile(distances, 1 - beyond, method="higher")), LEAST_VARIANCE)


def _facts(path: Path, text: str) -> OODHeader:
    try:
        facts = OODHeader(**parse_object(text))
    except (ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} is no world check of unprompt ({error}): give one that was fitted", path=path
        ) from error
    if (facts.kind, facts.version) != (KIND, VERSION):
        raise CheckpointError(
            f"{path} holds {facts.kind} version {facts.version}, expected {KIND} version {VERSION}: fit it again"
        )
    return facts


def _cloud(path: Path, tensors: dict[str, Tensor], view: str) -> MahalanobisGaussian:
    try:
        cloud = MahalanobisGaussian(
            **{name: tensors[f"{view}.{name}"].numpy() for name in MahalanobisGaussian.__dataclass_fields__}
        )
        cloud.check()
    except KeyError as error:
        raise CheckpointError(f"{path} lacks the tensor {error}: the file is damaged; fit it again") from error
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {view} cannot be read ({error}): the file is damaged; fit it again") from error
    return cloud
