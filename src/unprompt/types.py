"""The nouns that every room shares. Importing this module loads neither torch nor Pillow.

The one convention, everywhere: **label 1 = generated, label 0 = real; a score is higher when the picture is
more likely generated.** Papers that count the other way are turned round in their own file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from unprompt.choices import Split as Split

RGB: TypeAlias = npt.NDArray[np.uint8]
"""A decoded picture: height x width x 3, uint8, sRGB, upright."""

Label: TypeAlias = Literal[0, 1]
REAL: Label = 0
GENERATED: Label = 1

Status: TypeAlias = Literal["ok", "error"]
Verdict: TypeAlias = Literal["real", "generated", "inconclusive"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
NONE_OF_THESE: Final = "none of these"
"""The answer of ``attribute`` where no candidate's head says yes."""
REAL_PICTURES: Final = "real"
"""What stands for real pictures among the names of generators; their right answer is none of these."""
SchemaVersion: TypeAlias = Literal[1]
SCHEMA_VERSION: Final = 1
"""Of a row; goes up when a field is removed, renamed or changes its meaning. A new field may come at any time."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture with its identity and the facts that decoding loses.

    ``sha256`` hashes the file's bytes (identity); ``pixels`` hashes the decoded RGB and its size (seeds,
    fingerprints, duplicates), so that stripping metadata moves no score. Of a picture that was handed over as pixels
    ``sha256`` and ``format`` are empty.
    """

    uri: str
    rgb: RGB
    sha256: str
    pixels: str
    width: int
    """Native width in pixels, as stored, before the EXIF orientation is applied."""
    height: int
    """Native height in pixels, as stored, before the EXIF orientation is applied."""
    format: str
    """Sniffed format: JPEG, PNG, WEBP, AVIF, GIF, TIFF, BMP, JPEG2000 or HEIF."""
    quality: int | None
    """Estimated JPEG quality, 1 to 100; None for other formats."""
    original: str | None = None
    """``pixels`` before a perturbation changed them; None for a picture as it was decoded."""
    warnings: tuple[str, ...] = ()
    """What of the file could not be honoured, or looks damaged, in words; they go on the row."""

    @property
    def seed(self) -> int:
        """Seed of all noise for this picture: 63 bits of the pixels' hash."""
        return int(self.pixels[:16], 16) >> 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a dataset's index: where a picture lies and what is known of it."""

    uri: str
    label: Label | None = None
    generator: str = ""
    """Name of the generator, or of the collection for a real picture; empty when unknown."""
    split: Split | None = None
    content: str = field(default="", compare=False)
    """What the dataset says is shown: a class, a COCO id, a domain. Told to no model; not part of the identity."""
    prompt: str = field(default="", compare=False)
    """What the generator was told, where a manifest says so: for the audit alone. Not part of the identity."""


@dataclass(frozen=True)
class Caption:
    """What the prompt would have been."""

    text: str
    fallback: bool = False
    """True when the captioner returned nothing and ``text`` is the stated fallback."""


@dataclass(frozen=True)
class Box:
    """Where a phrase of the caption is seen in a picture: edges in shares of its width and height, 0 to 1.

    All numbers are float32, so that a stored box is the box that was made.
    """

    phrase: str
    left: float
    top: float
    right: float
    bottom: float
    score: float
    """How sure the grounder is, 0 to 1."""


@dataclass(frozen=True)
class Prediction:
    """What ``detect`` says of one input; a failed input is one too, with ``status = "error"``."""

    uri: str
    status: Status
    error: str | None = None
    sha256: str | None = None
    pixels: str | None = None
    label: Label | None = None
    """The truth, where folder names or a manifest tell it; never used for the verdict."""
    method: str | None = None
    suite: str | None = None
    score: float | None = None
    """The detector's raw score in [0, 1]; higher = more likely generated."""
    probability: float | None = None
    """Calibrated probability of ``generated`` at the stated prior (0.5 unless moved)."""
    prior: float | None = None
    """The share of generated pictures that was expected; None where nothing was judged."""
    spread: float | None = None
    """Standard deviation of the probability over the noise draws of ``--average``; None for a single draw."""
    verdict: Verdict | None = None
    fpr: float | None = None
    """The false-positive rate that was asked for; None = that of the head's own thresholds."""
    average: int | None = None
    """Noise draws that were asked for; a method without noise takes one. None where nothing was judged."""
    dtype: str | None = None
    """Numbers that the models ran in: float32, bfloat16 or float16; None where nothing was judged."""
    caption: str | None = None
    warnings: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    """Calibrated probability of every method that was asked."""
    width: int | None = None
    height: int | None = None
    format: str | None = None
    quality: int | None = None
    duplicate_of: str | None = None
    """The input of the same pixels that was judged first, whose numbers these are."""
    schema_version: SchemaVersion = SCHEMA_VERSION
    """Of the fields and their meaning; a row that was stored without it is of version 1."""


@dataclass(frozen=True)
class Attribution:
    """What ``attribute`` says of one input; a failed input is one too, with ``status = "error"``."""

    uri: str
    status: Status
    error: str | None = None
    sha256: str | None = None
    pixels: str | None = None
    truth: str | None = None
    """The generator's name or ``real``, where folder names tell it; never used for the answer."""
    method: str | None = None
    suite: str | None = None
    generator: str | None = None
    """The answer: the name of a candidate, or :data:`NONE_OF_THESE`."""
    scores: dict[str, float] = field(default_factory=dict)
    """Calibrated probability of every candidate that it made the picture rather than another or none."""
    dtype: str | None = None
    """As that of a prediction."""
    caption: str | None = None
    warnings: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    format: str | None = None
    quality: int | None = None
    schema_version: SchemaVersion = SCHEMA_VERSION
    """As that of a prediction."""


Question: TypeAlias = Literal["detect", "attribute"]
JobState: TypeAlias = Literal["running", "done"]


@dataclass(frozen=True)
class Job:
    """How far a batch is that the service judges in the background."""

    id: str
    question: Question
    made: str
    """When it was asked, in UTC."""
    total: int
    """Pictures."""
    done: int
    """Of them, those that have a row."""
    state: JobState
