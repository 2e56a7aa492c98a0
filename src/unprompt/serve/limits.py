"""What one request, and all of them together, may take of the machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from unprompt.errors import OptionError
from unprompt.images import Limits


@dataclass(frozen=True)
class ServiceLimits:
    """Sizes in bytes, times in seconds."""

    max_bytes: int = 20_000_000
    """Of a picture's file."""
    max_pixels: int = 50_000_000
    """Width times height of a picture."""
    max_pictures: int = 32
    """In one request."""
    max_request_bytes: int = 64_000_000
    """Of a request's body."""
    max_job_pictures: int = 1000
    """In one job."""
    max_job_bytes: int = 256_000_000
    """Of a job's body."""
    max_waiting: int = 10_000
    """Pictures of all jobs that have no row yet."""
    max_held_bytes: int = 512_000_000
    """Of all bodies that are in memory at the same time."""
    queue: int = 256
    """Pictures that wait for the models."""
    decoders: int = 2
    """Pictures that are decoded side by side, each in a process of its own."""
    decode_seconds: float = 10.0
    """For one picture."""
    upload_seconds: float = 60.0
    """For a request's body to arrive."""
    fetch_seconds: float = 20.0
    """For a picture's URL to be fetched, where that is allowed."""
    answer_seconds: float = 300.0
    """For an answer, from when the pictures have arrived."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise OptionError(f"{name} is {value}; expected more than 0")

    @property
    def of_jobs(self) -> Self:
        """Those of a request that begins a job."""
        return replace(self, max_pictures=self.max_job_pictures, max_request_bytes=self.max_job_bytes)

    @property
    def of_pictures(self) -> Limits:
        """Those of the decoder."""
        return Limits(max_pixels=self.max_pixels, max_bytes=self.max_bytes, max_seconds=self.decode_seconds)
