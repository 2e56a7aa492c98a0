"""ICC profiles made on the spot: of matrices and curves, and of tables, as printers have them."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

D50 = np.array([0.9642, 1.0, 0.8249])
D65 = (0.3127, 0.3290)
SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def to_xyz(primaries: Sequence[tuple[float, float]], white: tuple[float, float] = D65) -> Floats:
    """3 x 3: linear RGB -> XYZ under its own white."""
    columns = np.stack([_xyz(one) for one in primaries], axis=1)
    return columns * np.linalg.solve(columns, _xyz(white))


def srgb_light(value: Floats) -> Floats:
    """sRGB's values in [0, 1] -> light (IEC 61966-2-1)."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb_value(light: Floats) -> Floats:
    """The inverse of :func:`srgb_light`."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def converted(rgb: Floats, primaries: Sequence[tuple[float, float]], light: Callable[[Floats], Floats]) -> Floats:
    """Values in [0, 1] of a D65 space -> sRGB's, 0 to 255, not rounded."""
    matrix = np.linalg.inv(to_xyz(SRGB)) @ to_xyz(primaries)
    return srgb_value(light(rgb) @ matrix.T) * 255


def matrix_profile(primaries: Sequence[tuple[float, float]], gamma: float | None = None, version: int = 4) -> bytes:
    """An RGB profile of white D65 with sRGB's curve, or a power."""
    source, target = _BRADFORD @ _xyz(D65), _BRADFORD @ D50
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(target / source) @ _BRADFORD @ to_xyz(primaries)
    curve = _power(gamma) if gamma else _srgb_curve(version)
    points = {kind: _point(column) for kind, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), adapted.T, strict=True)}
    return _profile(
        b"RGB ", {**points, b"wtpt": _point(D50), **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)}, version
    )


def grey_profile(gamma: float) -> bytes:
    """A grey profile of a power."""
    return _profile(b"GRAY", {b"wtpt": _point(D50), b"kTRC": _power(gamma)}, 2)


def table_profile(space: bytes, lab: Callable[[tuple[float, ...]], tuple[float, float, float]], version: int) -> bytes:
    """A profile of a table of two nodes a channel, each with the Lab value that ``lab`` gives it."""
    channels = 4 if space == b"CMYK" else 3
    nodes = [_lab16(lab(corner)) for corner in itertools.product((0.0, 1.0), repeat=channels)]
    line = struct.pack(">HH", 0, 65535)
    table = b"mft2\0\0\0\0" + bytes((channels, 3, 2, 0)) + struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table += struct.pack(">HH", 2, 2) + line * channels + b"".join(nodes) + line * 3
    return _profile(space, {b"wtpt": _point(D50), b"A2B0": table, b"A2B1": table}, version, b"prtr", b"Lab ")


def _lab16(lab: tuple[float, float, float]) -> bytes:
    """Lab as lut16Type holds it, in both versions."""
    light, a, b = lab
    return struct.pack(">3H", round(light * 652.8), round((a + 128) * 256), round((b + 128) * 256))


def _xyz(place: tuple[float, float]) -> Floats:
    x, y = place
    return np.array([x / y, 1, (1 - x - y) / y])


def _fixed(values: Sequence[float] | Floats) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)


def _point(xyz: Floats) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(xyz)


def _power(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _srgb_curve(version: int) -> bytes:
    if version == 4:
        return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + _fixed((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    samples = np.rint(srgb_light(np.linspace(0, 1, 1024)) * 65535).astype(int)
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *samples)


def _profile(
    space: bytes, tags: dict[bytes, bytes], version: int, kind: bytes = b"mntr", connection: bytes = b"XYZ "
) -> bytes:
    start = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data.ljust(-(-len(data) // 4) * 4, b"\0")
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, version << 24, kind, space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + _fixed(D50)
    return head.ljust(128, b"\0") + table + body
