"""Damaged files through the decoder: does anything but our errors come out, does anything hang, are the pixels right?

    python benchmarks/mutations.py [--files 100000] [--seed 0] [--out out/mutations.json]

Each file is a sound one of some format with bits flipped, bytes exchanged, parts cut out, doubled or put elsewhere. It
is read as ``detect`` and the service read it, in a process of its own with a limit of memory and one of 2 s. Told are
the errors that are not ours, the processes that ended or were stopped, and the most memory that one of them held.
Where there still are pixels, an independent decoder is asked too: Pillow for PNG and TIFF,
which are read by libpng and tifffile, and imagecodecs for JPEG, WebP, BMP and GIF, which are read by Pillow. A
difference of more than 3 levels is counted where that one opens the file as well; two decoders may mend a damaged
file differently, so each is to be looked at.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from unprompt.errors import PictureError
from unprompt.images import Limits
from unprompt.images.decoder import Decoder
from unprompt.images.process import Ended
from unprompt.images.worker import memory

Pixels = npt.NDArray[np.uint8]
LIMITS = Limits(max_pixels=4_000_000, max_seconds=2)


def sound() -> dict[str, bytes]:
    """Files of every format, made of one picture."""
    y, x = np.mgrid[0:48, 0:64]
    rgb = np.stack([x * 4, y * 5, (x + y) * 2], axis=2).astype(np.uint8)
    rgb += np.random.default_rng(0).integers(0, 12, rgb.shape, dtype=np.uint8)
    image = Image.fromarray(rgb)
    kinds: dict[str, tuple[str, Image.Image, dict[str, Any]]] = {
        "PNG": ("PNG", image, {}),
        "PNG palette": ("PNG", image.quantize(64), {}),
        "PNG 16 bits": ("PNG", Image.fromarray(rgb[..., 0].astype(np.uint16) * 257), {}),
        "PNG opacity": ("PNG", image.convert("RGBA"), {}),
        "JPEG": ("JPEG", image, {"quality": 90}),
        "JPEG progressive": ("JPEG", image, {"progressive": True}),
        "JPEG grey": ("JPEG", image.convert("L"), {}),
        "JPEG ink": ("JPEG", image.convert("CMYK"), {}),
        "WEBP": ("WEBP", image, {}),
        "WEBP lossless": ("WEBP", image, {"lossless": True}),
        "AVIF": ("AVIF", image, {"speed": 10, "max_threads": 1}),
        "GIF": ("GIF", image.quantize(64), {}),
        "BMP": ("BMP", image, {}),
        "TIFF": ("TIFF", image, {}),
        "TIFF LZW": ("TIFF", image, {"compression": "tiff_lzw"}),
        "TIFF deflate": ("TIFF", image, {"compression": "tiff_adobe_deflate"}),
        "TIFF JPEG": ("TIFF", image, {"compression": "jpeg"}),
        "JPEG2000": ("JPEG2000", image, {}),
    }
    files = {name: _saved(*rest) for name, rest in kinds.items()}
    try:
        import pillow_heif  # an extra
    except ImportError:
        return files
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90)
    return files | {"HEIF": file.getvalue()}


def _saved(format_: str, image: Image.Image, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        size = len(changed)
        at, length = int(rng.integers(size)), int(rng.integers(1, max(2, size // 8)))
        kind = rng.integers(6)
        if kind == 0:
            changed[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            changed[at] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))]))
        elif kind == 2:
            del changed[at : at + length]
        elif kind == 3:
            changed[at:at] = changed[at : at + length]
        elif kind == 4:
            changed[at : at + 4] = int(rng.choice([0, 1, 2**16, 2**31 - 1, 2**32 - 1])).to_bytes(4, "big")
        else:
            changed = changed[: max(1, size - length)]
        if not changed:
            return b"\0"
    return bytes(changed)


def _through_pillow(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        if image.mode.startswith("I;16"):  # Pillow itself would cut it at 255
            return np.repeat(np.rint(np.asarray(image) / 257).astype(np.uint8)[..., None], 3, axis=2)
        return np.asarray(image.convert("RGB"))


OTHERS: dict[str, Callable[[bytes], Pixels]] = {
    "PNG": _through_pillow,
    "TIFF": _through_pillow,
    "JPEG": imagecodecs.jpeg8_decode,
    "WEBP": imagecodecs.webp_decode,
    "BMP": imagecodecs.bmp_decode,
    "GIF": imagecodecs.gif_decode,
}
"""Format -> an independent decoder."""


def differs(data: bytes, format_: str, pixels: Pixels) -> bool | None:
    """Whether an independent decoder sees other pixels, by more than 3 levels; None where it sees none."""
    if format_ not in OTHERS:
        return None
    try:
        other = np.asarray(OTHERS[format_](data))
    except Exception:  # it may refuse what we mend, in any way it likes
        return None
    if other.shape != pixels.shape or other.dtype != np.uint8:
        return None
    return bool(np.abs(other.astype(int) - pixels).max() > 3)


def fate(error: PictureError, name: str) -> tuple[str, str]:
    """How a file was refused, in a word; and what is to be looked at, or nothing."""
    if isinstance(error.__cause__, Ended):
        return "ended its process", f"{name}: {error}"
    if "not enough memory" in str(error):
        return "needed too much memory", ""
    return "refused", ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/mutations.json"))
    arguments = parser.parse_args()
    rng, files, decoder = np.random.default_rng(arguments.seed), sound(), Decoder()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    slowest, foreign, ended, different = (0.0, ""), list[str](), list[str](), list[str]()
    for number in range(arguments.files):
        name = list(files)[number % len(files)]
        data, start = mutated(files[name], rng), time.perf_counter()
        try:
            picture = decoder.read(data, name, LIMITS)
        except PictureError as error:
            word, odd = fate(error, f"{name} {number}")
            counts[name][word] += 1
            ended += [odd] if odd else []
            taken = time.perf_counter() - start
        except Exception as error:  # what the run is there to find
            foreign.append(f"{name} {number}: {type(error).__name__}: {error}")
            taken = time.perf_counter() - start
        else:
            taken = time.perf_counter() - start
            found = differs(data, picture.format, picture.rgb) if not picture.warnings else None
            different += [f"{name} {number}"] if found else []
            counts[name][{None: "decoded", False: "decoded alike", True: "decoded differently"}[found]] += 1
        slowest = max(slowest, (taken, f"{name} {number}"))
        if number % 5000 == 4999:
            print(f"{number + 1} files, {len(foreign)} foreign, {len(ended)} ended", flush=True)
    decoder.close()
    held = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    result = {
        "files": arguments.files,
        "foreign": foreign,
        "ended": ended,
        "different": different,
        "slowest": slowest,
        "most_memory": held,
        "memory_limit": memory(LIMITS),
        "counts": counts,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    for name, row in counts.items():
        print(f"{name:18}", ", ".join(f"{count} {word}" for word, count in sorted(row.items())))
    print(f"{len(foreign)} foreign exceptions; {len(ended)} processes ended; slowest {slowest[0]:.2f} s ({slowest[1]})")
    print(f"most memory of a process {held / 1e6:.0f} MB, its limit {memory(LIMITS) / 1e6:.0f} MB of address space")


if __name__ == "__main__":
    main()
