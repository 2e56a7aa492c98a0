"""What a suite's captioner and grounder say of a picture that its head judges without them, for a report alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from unprompt.errors import MissingWeights, NotFinite
from unprompt.evidence.alignment import AlignmentEvidence, AlignmentExtractor, Objects, direction
from unprompt.evidence.product_cache import ProductCache
from unprompt.instruments import Suite
from unprompt.types import Box

TITLE: Final = "The picture. The suite's captioner says of it, beside the verdict: “{}”"
READERS: Final = ("captioner", "encoder", "grounder")


@dataclass(frozen=True)
class Reading:
    """A caption and its objects, which moved no score."""

    title: str
    """With the caption."""
    boxes: tuple[Box, ...]
    """Of the phrases, each with the cosine of what the box shows and of the phrase."""


def readings(cache: ProductCache, suite: Suite) -> Sequence[Reading | None]:
    """One a picture; None where the suite reads no pictures, its models are not here or answer nothing finite."""
    nothing: list[Reading | None] = [None] * len(cache.pictures)
    if not set(READERS) <= set(suite.manifest.instruments):
        return nothing
    try:
        return list(map(_reading, AlignmentExtractor("item", objects=True).extract(cache)))
    except (MissingWeights, NotFinite):
        return nothing


def _reading(one: AlignmentEvidence) -> Reading:
    assert one.objects is not None
    return Reading(TITLE.format(one.caption.text), named(one.objects))


def named(objects: Objects) -> tuple[Box, ...]:
    """The boxes, whose phrases tell how alike picture and phrase are, from -1 to 1."""
    likeness = (direction(objects.images) * direction(objects.texts)).sum(axis=-1)
    pairs = zip(objects.boxes, likeness.tolist(), strict=True)
    return tuple(replace(box, phrase=f"{box.phrase}, cosine {cosine:.2f}") for box, cosine in pairs)
