"""TIFF through tifffile: every combination that it writes comes back rightly, or is refused by name."""

from __future__ import annotations

import io
import logging
import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from unprompt.errors import PictureTooLarge, UnreadablePicture
from unprompt.images.limits import Limits
from unprompt.images.raster import Raster, Samples, Space, eight_bits

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its doubts about tags reach the terminal

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _INK, _YCBCR, _CIELAB, _ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
_CHANNELS: Final = {
    _WHITE_IS_ZERO: 1,
    _BLACK_IS_ZERO: 1,
    _RGB: 3,
    _PALETTE: 1,
    _INK: 4,
    _YCBCR: 3,
    _CIELAB: 3,
    _ICCLAB: 3,
}
"""Meaning of the pixels (tag PhotometricInterpretation) -> channels of colour."""
_SPACES: Final[dict[int, Space]] = {
    _WHITE_IS_ZERO: "grey",
    _BLACK_IS_ZERO: "grey",
    _INK: "CMYK",
    _CIELAB: "Lab",
    _ICCLAB: "Lab",
}
_RAW: Final = "a camera's RAW file; expected a developed picture: export it as JPEG, PNG or TIFF"
_SENSOR: Final = frozenset({32803, 34892})
_DNG_VERSION, _SUB_DIRECTORIES, _PROFILE, _INK_SET, _REFERENCE = 50706, 330, 34675, 332, 532
_FULL_RANGE: Final = [0, 255, 128, 255, 128, 255]
"""Black and white of each channel (tag ReferenceBlackWhite)."""
_NEEDED: Final = frozenset(
    {254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 332, 338, 339, 530, 532}
)
"""Tags without which the pixels come out differently; tifffile leaves out a damaged one."""
_TAGS: Final = 1000
_PARTS: Final = 1_000_000
_JPEG: Final = 7


def decode_tiff(data: bytes, uri: str, limits: Limits) -> Raster:
    """The first page: grey, RGB, palette, CMYK, Lab and YCbCr of 1 to 16 bits.

    Raises UnreadablePicture for a camera's raw file, and ValueError for what has no stated range or meaning.
    """
    if data[8:10] == b"CR":
        raise UnreadablePicture(f"{uri}: {_RAW}")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        if _is_raw(page):
            raise UnreadablePicture(f"{uri}: {_RAW}")
        limits.check_pixels(page.imagewidth, page.imagelength, uri)
        _check(page, len(data), uri)
        if lost := sorted(_codes(page, data) & _NEEDED - set(page.tags.keys())):
            raise ValueError(f"its tags {', '.join(map(str, lost))} are damaged")
        return _raster(page)


def _is_raw(page: tifffile.TiffPage) -> bool:
    """A camera's raw file has a thumbnail where a TIFF has its picture."""
    thumbnail = bool(page.subfiletype & 1)
    return (
        _DNG_VERSION in page.tags or int(page.photometric) in _SENSOR or (thumbnail and _SUB_DIRECTORIES in page.tags)
    )


def _check(page: tifffile.TiffPage, size: int, uri: str) -> None:
    """Raise for what cannot be read, or has no stated meaning."""
    if 0 in (page.imagewidth, page.imagelength):
        raise ValueError(f"{page.imagewidth} x {page.imagelength} pixels")
    if len(page.tags) > _TAGS or len(page.dataoffsets) > _PARTS:
        parts = f"{len(page.tags)} tags and {len(page.dataoffsets)} strips or tiles"
        raise PictureTooLarge(f"{uri}: {parts}; at most {_TAGS} and {_PARTS} are read: export it again")
    ends = [start + length for start, length in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or max(ends) > size or 0 in page.databytecounts:
        raise ValueError("its strips or tiles lie beyond the end of the file")
    if strange := _strange(page):
        raise UnreadablePicture(f"{uri}: TIFF of {strange}, which is not decoded here: export it with 8 or 16 bits RGB")


def _strange(page: tifffile.TiffPage) -> str:
    """What has no stated range or meaning; empty for a picture."""
    kind = int(page.photometric)
    colours = _CHANNELS.get(kind)
    if page.imagedepth != 1 or page.tiledepth > 1:
        return f"{page.imagedepth} layers of a volume"
    if colours is None or page.samplesperpixel < colours:
        return f"{page.samplesperpixel} samples a pixel of the kind {page.photometric!r}"
    if page.sampleformat != 1 or page.bitspersample > 16:
        return f"{page.bitspersample} bits a sample of format {page.sampleformat}"
    if _INK_SET in page.tags and kind == _INK and page.tags[_INK_SET].value != 1:
        return "inks other than cyan, magenta, yellow and black"
    return ""


def _codes(page: tifffile.TiffPage, data: bytes) -> frozenset[int]:
    """Codes of all tags that the page's directory lists."""
    form = page.parent.tiff
    start = page.offset + form.tagnosize
    (count,) = struct.unpack_from(form.tagnoformat, data, page.offset)
    return frozenset(
        struct.unpack_from(f"{form.byteorder}H", data, start + number * form.tagsize)[0] for number in range(count)
    )


def _raster(page: tifffile.TiffPage) -> Raster:
    kind, channels = int(page.photometric), _CHANNELS[int(page.photometric)]
    samples = _interleaved(page)
    alpha = _alpha(page, samples, channels)
    colour = samples[..., 0] if channels == 1 else samples[..., :channels]
    if kind == _PALETTE:
        colour = _looked_up(page, colour)
    elif kind == _YCBCR and int(page.compression) != _JPEG:
        colour = _from_ycbcr(page, colour)
    else:
        colour = _full_range(colour, page.bitspersample)
        if kind == _WHITE_IS_ZERO:
            colour = np.iinfo(colour.dtype).max - colour
        if kind == _CIELAB:
            colour = _icc_lab(colour)
    if alpha is not None and page.extrasamples[0] == 1:
        colour = _unmultiplied(colour, alpha)
    return Raster(
        np.ascontiguousarray(colour),
        _SPACES.get(kind, "RGB"),
        page.imagewidth,
        page.imagelength,
        alpha=alpha,
        profile=page.iccprofile,
        orientation=int(page.tags.valueof(274, default=1)),
    )


def _interleaved(page: tifffile.TiffPage) -> Samples:
    """height x width x samples."""
    found: npt.NDArray[Any] = np.asarray(page.asarray(maxworkers=1))
    height, width, count = page.imagelength, page.imagewidth, page.samplesperpixel
    if page.planarconfig == 2 and count > 1:
        found = np.moveaxis(found.reshape(count, height, width), 0, -1)
    return found.reshape(height, width, count)


def _alpha(page: tifffile.TiffPage, samples: Samples, channels: int) -> Samples | None:
    """The first extra sample where the file calls it opacity."""
    if page.samplesperpixel == channels or not page.extrasamples or page.extrasamples[0] not in (1, 2):
        return None
    return _full_range(samples[..., channels], page.bitspersample)


def _full_range(samples: Samples, bits: int) -> Samples:
    """uint8 from 0 to 255 up to 8 bits, uint16 from 0 to 65535 above."""
    if bits in (8, 16):
        return samples
    if bits < 8:
        return eight_bits(samples.astype(np.uint16), 2**bits - 1)
    most = 2**bits - 1
    scaled: Samples = ((samples.astype(np.uint32) * 65535 + most // 2) // most).astype(np.uint16)
    return scaled


def _looked_up(page: tifffile.TiffPage, indices: Samples) -> Samples:
    table = np.asarray(page.colormap).T
    if table.max() < 256:
        table = table.astype(np.uint8)  # some writers hold 8 bits where the format wants 16
    return np.ascontiguousarray(table)[indices]


def _from_ycbcr(page: tifffile.TiffPage, samples: Samples) -> Samples:
    """8 bits of full range; what subsamples its colour or has a foot and a head is refused."""
    reference = page.tags.valueof(_REFERENCE, default=None)
    usual = reference is None or [reference[i] / (reference[i + 1] or 1) for i in range(0, 12, 2)] == _FULL_RANGE
    if samples.dtype != np.uint8 or tuple(page.subsampling or (1, 1)) != (1, 1) or not usual:
        raise ValueError("YCbCr of a kind that is not decoded here")
    return np.array(Image.fromarray(samples, "YCbCr").convert("RGB"))


def _icc_lab(samples: Samples) -> Samples:
    """a and b are signed in TIFF's CIELab and lie about the middle in ICC's."""
    shifted = samples.copy()
    shifted[..., 1:] ^= samples.dtype.type(1 << (8 * samples.dtype.itemsize - 1))
    return shifted


def _unmultiplied(colour: Samples, alpha: Samples) -> Samples:
    most = np.iinfo(colour.dtype).max
    share = np.maximum(alpha, 1).astype(np.uint32)
    share = share[..., None] if colour.ndim == 3 else share
    full = (colour.astype(np.uint32) * most + share // 2) // share
    unmultiplied: Samples = np.minimum(full, most).astype(colour.dtype)
    return unmultiplied
