"""All trace statistics of a picture in their one order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Final

import numpy as np

from unprompt.evidence.alignment import Vector
from unprompt.evidence.traces import noise, spectrum
from unprompt.evidence.traces.colour import LEVELS, SCALES, channels, colours, correlations, energies
from unprompt.evidence.traces.residuals import (
    RUNS,
    Floats,
    first_order,
    quantised,
    runs,
    second_order,
    square3,
    square5,
    step_of,
)
from unprompt.types import RGB

LEAST: Final = spectrum.WINDOW
"""Side up to which a smaller picture is mirrored at its right and its lower edge."""
NAMES: Final = ("Y", "Cb", "Cr")
BANDS: Final = ("correlations.square3", *(f"correlations.band{sigma}" for sigma in SCALES))


def _widths() -> Iterator[tuple[str, int]]:
    """Name and number of statistics of each group, in order."""
    lags = len(noise.LAG_PAIRS[0]) - 1
    for name in NAMES:
        for order in ("first", "second"):
            yield from ((f"{name}.{order}.along", RUNS), (f"{name}.{order}.step", 1), (f"{name}.{order}.across", RUNS))
        yield from ((f"{name}.square3.along", RUNS), (f"{name}.square3.step", 1))
        yield from ((f"{name}.lags", lags), (f"{name}.size-lags", lags))
        yield from ((f"{name}.period{p}", min(noise.STRONGEST, p * p - 1)) for p in noise.PERIODS)
        yield f"{name}.activity", len(noise.SHARES)
        yield (f"{name}.brightness", noise.BANDS) if name == "Y" else (f"{name}.shared-activity", 1)
        yield f"{name}.tails", 2
        yield from ((f"{name}.square5.along", RUNS), (f"{name}.square5.step", 1))
        yield from ((f"{name}.mean-profile", spectrum.RINGS), (f"{name}.median-profile", spectrum.RINGS))
        yield from ((f"{name}.directions", len(spectrum.DIRECTED)), (f"{name}.peaks", len(spectrum.PEAKS)))
        yield from ((f"{name}.{kind}", spectrum.BLOCK**2 - 1) for kind in ("cosines", "cosine-tails"))
    yield from ((band, 3) for band in BANDS)
    yield from (("colours", 8), ("energies", LEVELS - 1))


def _slices(widths: Mapping[str, int]) -> Mapping[str, slice]:
    ends = accumulate(widths.values())
    return MappingProxyType(
        {name: slice(end - width, end) for (name, width), end in zip(widths.items(), ends, strict=True)}
    )


GROUPS: Final[Mapping[str, slice]] = _slices(dict(_widths()))
"""Name -> place of each group of statistics: ``Y.lags``, ``Cb.square5.along``, ``colours``."""
WIDTH: Final = sum(one.stop - one.start for one in GROUPS.values())


def traces(rgb: RGB) -> Vector:
    """The statistics of a picture at native resolution, in the order of :data:`GROUPS`: WIDTH float32, never NaN.

    A side under 64 is mirrored up to 64. What is relative to nothing, as in a flat picture, is 0.
    """
    whole = _enlarged(rgb)
    planes = dict(zip(NAMES, channels(whole), strict=True))
    statistics: dict[str, Floats] = {}
    active: dict[str, Floats] = {}
    for name, plane in planes.items():
        third = square3(plane)
        residual = third[1:-1, 1:-1]  # what the residual of 5 x 5 covers too
        active[name] = noise.activity(residual)
        groups = _counted(plane, third) | _field(residual, active[name]) | _frequencies(plane)
        statistics |= {f"{name}.{group}": values for group, values in groups.items()}
    brightness = noise.block_means(planes["Y"][2:-2, 2:-2])
    statistics["Y.brightness"] = noise.noise_by_brightness(active["Y"], brightness)
    statistics |= {f"{name}.shared-activity": noise.shared_activity(active["Y"], active[name]) for name in NAMES[1:]}
    statistics |= dict(zip(BANDS, correlations(whole), strict=True))
    statistics |= {"colours": colours(whole, *planes.values()), "energies": energies(planes["Y"])}
    return np.concatenate([statistics[group] for group in GROUPS]).astype(np.float32)


def _enlarged(rgb: RGB) -> RGB:
    lacking = [(0, max(0, LEAST - side)) for side in rgb.shape[:2]]
    return np.pad(rgb, [*lacking, (0, 0)], mode="symmetric") if any(lack for _, lack in lacking) else rgb


def _counted(plane: Floats, third: Floats) -> dict[str, Floats]:
    """Co-occurrences of the quantised residuals, each with the logarithm of its step."""
    statistics: dict[str, Floats] = {}
    for order, (across, down) in (("first", first_order(plane)), ("second", second_order(plane))):
        step = step_of(across, down)
        levels = quantised(across, step), quantised(down, step)
        statistics |= {f"{order}.along": runs(*levels, along=1), f"{order}.across": runs(*levels, along=0)}
        statistics[f"{order}.step"] = np.log([step])
    for order, residual in (("square3", third[1:-1, 1:-1]), ("square5", square5(third))):
        step = step_of(residual)
        level = quantised(residual, step)
        statistics |= {f"{order}.along": runs(level, level, along=1), f"{order}.step": np.log([step])}
    return statistics


def _field(residual: Floats, active: Floats) -> dict[str, Floats]:
    """The residual of 3 x 3 as a field."""
    size = np.abs(residual)
    statistics = {"lags": noise.lags(residual), "size-lags": noise.lags(np.abs(residual - residual.mean()))}
    statistics |= {f"period{period}": noise.phases(size, period) for period in noise.PERIODS}
    return statistics | {"activity": noise.activity_quantiles(active), "tails": noise.tails(residual)}


def _frequencies(plane: Floats) -> dict[str, Floats]:
    """The spectrum of windows and the cosines of blocks."""
    mean, median = spectrum.logarithms(spectrum.power(plane))
    statistics = {"mean-profile": spectrum.profile(mean), "median-profile": spectrum.profile(median)}
    statistics |= {"directions": spectrum.directions(mean), "peaks": spectrum.peaks(mean)}
    return statistics | dict(zip(("cosines", "cosine-tails"), spectrum.cosines(plane), strict=True))
