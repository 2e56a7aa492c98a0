"""Statements of colour that are no ICC profile (code points, gamma, chromaticities) -> an ICC profile that means it.

Code points are those of ITU-T H.273, as PNG's cICP and the boxes ``colr`` of AVIF and HEIF hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import imagecodecs
import numpy as np
import numpy.typing as npt

Chromaticities = tuple[float, ...]
"""x and y of white, red, green and blue."""

_D65: Final = (0.3127, 0.3290)
SRGB: Final[Chromaticities] = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE: Final[Chromaticities] = (*_D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_SMPTE: Final[Chromaticities] = (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)
_PRIMARIES: Final[dict[int, Chromaticities]] = {
    1: SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: _SMPTE,
    7: _SMPTE,
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_GAMMAS: Final = {4: 2.2, 5: 2.8, 8: 1.0}
_AS_SRGB: Final = frozenset({1, 2, 6, 13, 14, 15})
"""Curves of television are shown by browsers with sRGB's, and so are unspecified ones."""
_HDR: Final = {16: "PQ", 18: "HLG"}
_WHITE: Final = 203.0
"""Candela a square metre of reference white (ITU-R BT.2408): it becomes sRGB's white, what is brighter is cut."""
_STEPS: Final = 4096


@lru_cache(maxsize=64)
def from_code_points(primaries: int, transfer: int) -> tuple[bytes | None, tuple[str, ...]]:
    """A profile, None for plain sRGB; a warning where the code points are unknown, or bright parts are cut."""
    known = primaries == 2 or primaries in _PRIMARIES
    if not known or transfer not in _AS_SRGB | set(_GAMMAS) | set(_HDR):
        told = f"colour primaries {primaries} and transfer {transfer}"
        return None, (f"its {told} are not known here; colours are taken as sRGB",)
    places = _PRIMARIES.get(primaries, SRGB)
    if transfer in _HDR:
        warning = f"a picture of high dynamic range ({_HDR[transfer]}): what is brighter than reference white is cut"
        return _profile(places, _hdr(transfer)), (warning,)
    if transfer in _GAMMAS:
        return _profile(places, _power(_GAMMAS[transfer])), ()
    return (None if places == SRGB else _profile(places, _srgb_curve())), ()


@lru_cache(maxsize=64)
def from_gamma(gamma: float | None, places: Chromaticities) -> bytes | None:
    """The profile of a file's gamma (PNG's, below 1; None = sRGB's curve) and chromaticities; None for plain sRGB.

    ValueError for values that no display has.
    """
    if gamma is not None and not 0.1 <= gamma <= 2:
        raise ValueError(f"a gamma of {gamma:g}")
    if min(places) < -1 or max(places) > 2 or min(places[1::2]) == 0:
        raise ValueError(f"chromaticities {places}")
    if gamma is None or abs(gamma - 0.45455) < 0.002:
        return None if np.allclose(places, SRGB, atol=0.002) else _profile(places, _srgb_curve())
    return _profile(places, _power(1 / gamma))


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes:
    """Adobe RGB (1998), which cameras name in EXIF alone (interoperability index R03)."""
    return _profile(_ADOBE, _power(563 / 256))


def _profile(places: Chromaticities, curve: npt.NDArray[np.uint16]) -> bytes:
    xyy: Sequence[float] = [number for at in (2, 4, 6) for number in (places[at], places[at + 1], 1.0)]
    profile: bytes = imagecodecs.cms_profile(
        "rgb", whitepoint=[places[0], places[1], 1.0], primaries=xyy, transferfunction=curve
    )
    return profile


def _curve(light: npt.NDArray[np.float64]) -> npt.NDArray[np.uint16]:
    return np.rint(np.clip(light, 0, 1) * 65535).astype(np.uint16)


def _values() -> npt.NDArray[np.float64]:
    return np.linspace(0, 1, _STEPS)


def _power(exponent: float) -> npt.NDArray[np.uint16]:
    return _curve(_values() ** exponent)


def _srgb_curve() -> npt.NDArray[np.uint16]:
    """IEC 61966-2-1."""
    value = _values()
    return _curve(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4))


def _hdr(transfer: int) -> npt.NDArray[np.uint16]:
    """Light of PQ (SMPTE ST 2084) or HLG (ITU-R BT.2100), reference white at 1."""
    value = _values()
    if _HDR[transfer] == "PQ":
        root = value ** (1 / 78.84375)
        light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        return _curve(light * 10_000 / _WHITE)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return _curve(_hlg(value, a, b, c) / _hlg(np.array([0.75]), a, b, c))


def _hlg(value: npt.NDArray[np.float64], a: float, b: float, c: float) -> npt.NDArray[np.float64]:
    """Scene light, 0 to 1; with the system gamma of 1.2 that a display of reference brightness adds."""
    light: npt.NDArray[np.float64] = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12) ** 1.2
    return light
