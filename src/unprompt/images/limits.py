"""What is refused before it is decompressed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from unprompt.errors import OptionError, PictureTooLarge


@dataclass(frozen=True)
class Limits:
    """The largest picture that is opened, by the file's size and by the size that its header states."""

    max_pixels: int = 100_000_000
    """Width times height."""
    max_side: int = 65_535
    """Width or height: a row of eight million pixels is no picture."""
    max_bytes: int = 256 * 1024 * 1024
    """Of the file."""
    max_seconds: float = 20.0
    """That decoding may take, where it runs in a process of its own that can be stopped."""

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_side", "max_bytes"):
            if (value := getattr(self, name)) < 1:
                raise OptionError(f"{name} is {value}; expected 1 or more")
        if not self.max_seconds > 0:
            raise OptionError(f"max_seconds is {self.max_seconds}; expected more than 0")

    def check_bytes(self, size: int, uri: str) -> None:
        """Raise :class:`PictureTooLarge` for a file of more than ``max_bytes``."""
        if size > self.max_bytes:
            raise PictureTooLarge(
                f"{uri}: {size} bytes; at most {self.max_bytes} are opened: "
                "make the file smaller, or raise max_bytes if you trust it"
            )

    def check_pixels(self, width: int, height: int, uri: str) -> None:
        """Raise :class:`PictureTooLarge` for more than ``max_pixels`` pixels, or ``max_side`` a side."""
        if max(width, height) > self.max_side:
            raise PictureTooLarge(
                f"{uri}: the header says {width} x {height} pixels; at most {self.max_side} a side are opened: cut it"
            )
        if width * height > self.max_pixels:
            raise PictureTooLarge(
                f"{uri}: the header says {width} x {height} = {width * height} pixels; at most "
                f"{self.max_pixels} are opened: make the picture smaller, or raise --max-pixels (max_pixels in Python) "
                "if you trust it"
            )


DEFAULT_LIMITS: Final = Limits()
PIXELS_IN_MEMORY: Final = 100_000_000
"""Decoded pixels above which no further picture joins those that are judged together; one picture may have more."""
