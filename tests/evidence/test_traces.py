"""Each group of traces against its formula, written once more; and what holds for any picture."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.fft import dctn

from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.traces import GROUPS, LEAST, SIDE, WIDTH, TraceExtractor, noise, residuals, spectrum, traces
from unprompt.images import encode_png, read
from unprompt.instruments import Suite
from unprompt.types import RGB

SQUARE3 = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
SQUARE5 = (
    np.array([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]) / 12
)
Floats = npt.NDArray[np.float64]


def photograph(height: int, width: int, seed: int = 0) -> RGB:
    """Blobs of colour with some grain."""
    random = np.random.default_rng(seed)
    shared = ndimage.gaussian_filter(random.normal(0, 900, (height, width, 1)), (9, 9, 0))
    own = ndimage.gaussian_filter(random.normal(0, 300, (height, width, 3)), (4, 4, 0))
    return (110 + shared + own + random.normal(0, 4, (height, width, 3))).clip(0, 255).astype(np.uint8)


RGB72 = photograph(72, 80)
FOUND = traces(RGB72)
R, G, B = RGB72.astype(float).transpose(2, 0, 1)
Y = 0.299 * R + 0.587 * G + 0.114 * B
PLANES = {"Y": Y, "Cb": 0.564 * (B - Y), "Cr": 0.713 * (R - Y)}
FIELDS = {name: ndimage.convolve(plane, SQUARE3)[2:-2, 2:-2] for name, plane in PLANES.items()}


def assert_group(name: str, expected: Any) -> None:
    np.testing.assert_allclose(FOUND[GROUPS[name]], expected, rtol=1e-4, atol=1e-5, err_msg=name)


# The whole


def test_the_groups_cover_the_vector_once() -> None:
    places = [place for one in GROUPS.values() for place in range(one.start, one.stop)]
    assert places == list(range(WIDTH))
    assert FOUND.shape == (WIDTH,) == (1650,)
    assert FOUND.dtype == np.float32


def test_the_order_is_the_one_that_heads_were_fitted_in() -> None:
    plane = (
        "first.along first.step first.across second.along second.step second.across square3.along square3.step lags "
        "size-lags period2 period4 period8 activity {} tails square5.along square5.step mean-profile median-profile "
        "directions peaks cosines cosine-tails"
    )
    planes = [f"{name}.{one}" for name in ("Y", "Cb", "Cr") for one in plane.split()]
    own = [one.format("brightness" if one.startswith("Y") else "shared-activity") for one in planes]
    bands = [f"correlations.{one}" for one in ("square3", "band1", "band2", "band4")]
    assert list(GROUPS) == [*own, *bands, "colours", "energies"]
    widths = [39, 1, 39, 39, 1, 39, 39, 1, 44, 44, 3, 6, 6, 7, 8, 2, 39, 1, 22, 22, 5, 14, 63, 63]
    assert [one.stop - one.start for one in GROUPS.values()][:24] == widths


# Co-occurrences


def naive_runs(across: Floats, down: Floats, step: float, along: int) -> Floats:
    """Triple by triple, with the classes found by looking for each triple's kin."""

    def level(value: float) -> int:
        return max(-2, min(2, round(value / step)))

    kin = {
        run: min(run, run[::-1], neg := tuple(-x for x in run), neg[::-1]) for run in product(range(-2, 3), repeat=3)
    }
    shares = dict.fromkeys(sorted(set(kin.values())), 0.0)
    for field, axis in ((across, along), (down, 1 - along)):
        lines = field if axis == 1 else field.T
        found = [tuple(map(level, line[x : x + 3])) for line in lines for x in range(len(line) - 2)]
        for run in found:
            shares[kin[run]] += 0.5 / len(found)
    return np.sqrt(list(shares.values()))


@pytest.mark.parametrize("name", PLANES)
def test_runs_of_residuals_are_counted(name: str) -> None:
    x = PLANES[name]
    fields = {
        "first": (np.diff(x), np.diff(x, axis=0)),
        "second": (ndimage.convolve1d(x, [0.5, -1, 0.5])[:, 1:-1], ndimage.convolve1d(x, [0.5, -1, 0.5], 0)[1:-1]),
        "square3": (FIELDS[name],) * 2,
        "square5": (ndimage.convolve(x, SQUARE5)[2:-2, 2:-2],) * 2,
    }
    for kind, (across, down) in fields.items():
        step = max(0.3, np.abs(np.concatenate([across.ravel(), down.ravel()])).mean())
        assert_group(f"{name}.{kind}.step", math.log(step))
        assert_group(f"{name}.{kind}.along", naive_runs(across, down, step, 1))
        if not kind.startswith("square"):
            assert_group(f"{name}.{kind}.across", naive_runs(across, down, step, 0))


def test_shares_of_runs_sum_to_one() -> None:
    for name, place in GROUPS.items():
        if name.endswith(("along", "across")):
            assert np.square(FOUND[place].astype(float)).sum() == pytest.approx(1, abs=1e-5)


def test_a_run_its_mirror_image_and_its_negative_are_one_class() -> None:
    runs = list(product(range(5), repeat=3))
    of = dict(zip(runs, residuals.CLASSES, strict=True))
    for a, b, c in runs:
        assert of[a, b, c] == of[c, b, a] == of[4 - a, 4 - b, 4 - c] == of[4 - c, 4 - b, 4 - a]
    assert len(set(of.values())) == residuals.RUNS == 39


MIRRORED = ("along", "across", ".step", ".tails", "correlations")


@pytest.mark.parametrize(
    ("turned", "kept"),
    [
        (lambda x: x[:, ::-1], MIRRORED),
        (lambda x: x[::-1], MIRRORED),
        (lambda x: x.transpose(1, 0, 2), (*MIRRORED, "lags", "energies", "activity")),
    ],
)
def test_mirrored_or_turned_the_residuals_tell_the_same(turned: Any, kept: tuple[str, ...]) -> None:
    """Not what lies in a grid that begins at the left and at the top; mirrored, the lag (i, j) becomes (i, -j)."""
    other = traces(np.ascontiguousarray(turned(RGB72)))
    same = [name for name in GROUPS if any(word in name for word in kept)]
    assert len(same) >= 31
    for name in same:
        np.testing.assert_allclose(other[GROUPS[name]], FOUND[GROUPS[name]], atol=2e-5, err_msg=name)


# The residual as a field


@pytest.mark.parametrize("name", PLANES)
def test_lags_are_circular_correlations(name: str) -> None:
    field = FIELDS[name]
    for group, one in (("lags", field), ("size-lags", np.abs(field - field.mean()))):
        centred = one - one.mean()
        whole = (centred**2).sum()
        at = {
            (i, j): (centred * np.roll(centred, (-i, -j), (0, 1))).sum() / whole for i, j in product(range(9), repeat=2)
        }
        expected = [(at[i, j] + at[j, i]) / 2 for i in range(9) for j in range(i, 9) if (i, j) != (0, 0)]
        assert_group(f"{name}.{group}", expected)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_phases_are_the_strongest_waves_of_the_grid(period: int) -> None:
    size = np.abs(FIELDS["Y"])
    means = np.array([[size[i::period, j::period].mean() for j in range(period)] for i in range(period)])
    means /= means.mean()
    waves = []
    for u, v in product(range(period), repeat=2):
        wave = sum(
            means[i, j] * np.exp(-2j * np.pi * (u * i + v * j) / period) for i, j in product(range(period), repeat=2)
        )
        waves.append(abs(wave) / period**2)
    expected = [math.log(1e-4 + one) for one in sorted(waves[1:], reverse=True)[:6]]
    assert_group(f"Y.period{period}", expected)


def test_an_enlarged_picture_shows_the_period_of_its_enlargement() -> None:
    twice = photograph(64, 64, 3).astype(float).repeat(2, axis=0).repeat(2, axis=1)
    for axis in (0, 1):
        twice = (twice + np.roll(twice, 1, axis)) / 2  # a pixel, and the mean of it and the next one
    before, after = traces(photograph(128, 128, 3)), traces(twice.astype(np.uint8))
    assert after[GROUPS["Y.period2"]].max() > before[GROUPS["Y.period2"]].max() + 2


@pytest.mark.parametrize("shape", [(67, 70), (64, 65), (9, 8)])
def test_phases_where_the_grid_does_not_fit(shape: tuple[int, int]) -> None:
    size = np.random.default_rng(1).random(shape)
    means = np.array([[size[i::8, j::8].mean() for j in range(8)] for i in range(8)])
    expected = np.abs(np.fft.fft2(means / means.mean())).ravel()[1:] / 64
    np.testing.assert_allclose(noise.phases(size, 8), np.log(1e-4 + np.sort(expected)[:-7:-1]))


def blocks(x: Floats) -> list[Floats]:
    return [x[i : i + 8, j : j + 8] for i in range(0, x.shape[0] - 7, 8) for j in range(0, x.shape[1] - 7, 8)]


def active(name: str) -> Floats:
    return np.array([math.log(0.05 + math.sqrt((one**2).mean())) for one in blocks(FIELDS[name])])


@pytest.mark.parametrize("name", PLANES)
def test_activity_and_tails(name: str) -> None:
    assert_group(f"{name}.activity", np.percentile(active(name), [2, 10, 25, 50, 75, 90, 98]))
    z = np.abs(FIELDS[name] - FIELDS[name].mean())
    rms = math.sqrt((z**2).mean() + 1e-9)
    assert_group(f"{name}.tails", [math.log(z.mean() / rms + 1e-3), math.log(np.median(z) / rms + 1e-3)])
    if name != "Y":
        assert_group(f"{name}.shared-activity", np.corrcoef(active("Y"), active(name))[0, 1])


def test_noise_of_each_band_of_brightness() -> None:
    v, light = active("Y"), np.array([one.mean() for one in blocks(Y[2:-2, 2:-2])])
    expected = []
    for band in range(8):
        inside = v[(light >= 32 * band) & (light < 32 * band + 32)]
        expected.append(np.percentile(inside, 20) - np.percentile(v, 30) if len(inside) >= 8 else 0)
    assert np.count_nonzero(expected) > 2
    assert 0 in expected
    assert_group("Y.brightness", expected)


# Frequencies


def windows(x: Floats) -> Floats:
    hann = np.outer(np.hanning(64), np.hanning(64))
    found = []
    for top, left in product(range(0, x.shape[0] - 63, 32), range(0, x.shape[1] - 63, 32)):
        cut = x[top : top + 64, left : left + 64]
        found.append(np.abs(np.fft.fft2((cut - cut.mean()) * hann))[:, :33] ** 2)
    return np.array(found)


def test_spectra_of_windows() -> None:
    rgb = photograph(100, 131, 5)
    y = rgb @ np.array([0.299, 0.587, 0.114])
    powers = windows(y)
    assert len(powers) == 6
    np.testing.assert_allclose(spectrum.power(y), powers, rtol=1e-6, atol=1e-6)
    mean, median = np.log(powers.mean(0) + 0.1), np.log(np.median(powers, 0) + 0.1)
    for found, expected in zip(spectrum.logarithms(powers), (mean, median), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    whole = traces(rgb)
    for group, level in (("Y.mean-profile", mean), ("Y.median-profile", median)):
        rings = [[] for _ in range(22)]  # type: list[list[float]]
        for u, v in product(range(64), range(33)):
            place = math.floor((math.hypot(min(u, 64 - u), v) - 1) / 2)
            if 0 <= place < 22:
                rings[place].append(level[u, v])
        profile = np.array([np.mean(one) for one in rings])
        np.testing.assert_allclose(whole[GROUPS[group]], profile - profile[1:5].mean(), rtol=1e-4, atol=1e-5)


def test_directions_and_peaks() -> None:
    level = np.log(windows(Y).mean(0) + 0.1)
    expected = []
    for inner in (4, 10, 16, 22, 26):
        axes, diagonals = [], []
        for u, v in product(range(64), range(33)):
            down = min(u, 64 - u)
            if inner <= math.hypot(down, v) < inner + 6:
                axes += [level[u, v]] * (min(down, v) < 2)
                diagonals += [level[u, v]] * (abs(down - v) < 3)
        expected.append(np.mean(axes) - np.mean(diagonals))
    assert_group("Y.directions", expected)
    out = level - ndimage.median_filter(level, 5, mode="nearest")
    rows, columns = spectrum.PEAKS.T
    assert_group("Y.peaks", out[rows, columns])


def test_a_wave_of_four_pixels_is_a_peak() -> None:
    wave = np.where(np.arange(96) % 4 < 2, 12, 0)[None, :, None]
    plain = photograph(96, 96, 2).clip(0, 240)
    rise = traces(plain + wave.astype(np.uint8))[GROUPS["Y.peaks"]] - traces(plain)[GROUPS["Y.peaks"]]
    assert tuple(spectrum.PEAKS[rise.argmax()]) == (0, 16)


@pytest.mark.parametrize("name", PLANES)
def test_cosines_of_blocks(name: str) -> None:
    x = PLANES[name] - 128
    found = np.array(
        [dctn(x[i : i + 8, j : j + 8], norm="ortho").ravel()[1:] for i in range(0, 65, 5) for j in range(0, 73, 3)]
    )
    m, s = np.abs(found).mean(0) + 0.02, np.sqrt((found**2).mean(0)) + 0.02
    assert_group(f"{name}.cosines", np.log(m) - (math.log(m[0]) + math.log(m[7])) / 2)
    assert_group(f"{name}.cosine-tails", np.log(m / s))


# Channels


def test_correlations_of_the_channels() -> None:
    bands = {"square3": [ndimage.convolve(one, SQUARE3) for one in (R, G, B)]}
    for s in (1, 2, 4):
        bands[f"band{s}"] = [ndimage.gaussian_filter(one, s) - ndimage.gaussian_filter(one, 2 * s) for one in (R, G, B)]
    for band, (r, g, b) in bands.items():
        expected = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in ((r, g), (g, b), (r, b))]
        assert_group(f"correlations.{band}", expected)


def test_colours() -> None:
    steps = {name: np.abs(np.diff(plane)).mean() for name, plane in PLANES.items()}
    assert_group(
        "colours",
        [
            *(math.log(PLANES[name].std() + 1) for name in ("Cb", "Cr", "Y")),
            Y.mean() / 255,
            (RGB72 >= 254).sum() / RGB72.size,
            (RGB72 <= 1).sum() / RGB72.size,
            *(math.log(steps[name] / (steps["Y"] + 0.1) + 0.01) for name in ("Cb", "Cr")),
        ],
    )


@pytest.mark.parametrize("side", [64, 127, 128, 150])
def test_energies_of_the_halves(side: int) -> None:
    rgb = photograph(side, 160, 4)
    y, levels = rgb @ np.array([0.299, 0.587, 0.114]), []
    while len(levels) < 4 and min(y.shape) >= 16:
        levels.append(math.log(0.05 + np.abs(ndimage.convolve(y, SQUARE3)).mean()))
        y = np.array(
            [[y[i : i + 2, j : j + 2].mean() for j in range(0, y.shape[1] - 1, 2)] for i in range(0, len(y) - 1, 2)]
        )
    expected = np.diff([*levels, *[levels[-1]] * (4 - len(levels))])
    assert (expected[2] == 0) == (side < 128)
    np.testing.assert_allclose(traces(rgb)[GROUPS["energies"]], expected, rtol=1e-4, atol=1e-5)


# Any picture


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), kind=st.sampled_from(["noise", "flat", "grey", "halves"]))
@example(1, 1, "flat")
@example(1, 90, "noise")
def test_any_picture_has_finite_traces(height: int, width: int, kind: str) -> None:
    rgb = np.random.default_rng(height * 91 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "flat":
        rgb[:] = rgb[0, 0]
    if kind == "grey":
        rgb[:] = rgb[..., :1]
    if kind == "halves":
        rgb[:, : width // 2], rgb[:, width // 2 :] = 0, 255
    before = rgb.copy()
    found = traces(rgb)
    assert found.shape == (WIDTH,)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(traces(rgb), found)
    np.testing.assert_array_equal(rgb, before)


def test_a_flat_picture_has_nothing_relative() -> None:
    found = traces(np.full((80, 70, 3), (12, 200, 90), np.uint8))
    for name, place in GROUPS.items():
        if any(
            word in name for word in ("lags", "period", "brightness", "shared", "correlations", "energies", "peaks")
        ):
            np.testing.assert_allclose(found[place], 0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (63, 64), (10, 5)])
def test_a_small_picture_is_mirrored(size: tuple[int, int]) -> None:
    rgb = photograph(*size)
    mirrored = rgb
    while min(mirrored.shape[:2]) < LEAST:
        mirrored = np.concatenate([mirrored, mirrored[::-1]]) if len(mirrored) < LEAST else mirrored
        mirrored = np.concatenate([mirrored, mirrored[:, ::-1]], 1) if mirrored.shape[1] < LEAST else mirrored
    high, wide = (max(LEAST, side) for side in size)
    np.testing.assert_array_equal(traces(rgb), traces(np.ascontiguousarray(mirrored[:high, :wide])))


# Evidence


def test_the_middle_is_described_at_native_resolution(suite: Suite) -> None:
    large, ribbon = photograph(301, 280), photograph(70, 300)
    pictures = [read(encode_png(rgb), "a.png") for rgb in (large, ribbon)]
    first, second = TraceExtractor("traces").extract(ProductCache(pictures, suite))
    np.testing.assert_array_equal(first.vector, traces(large[22 : 22 + SIDE, 12 : 12 + SIDE]))
    np.testing.assert_array_equal(second.vector, traces(ribbon[:, 22 : 22 + SIDE]))


def test_nothing_is_stored_and_no_instrument_is_needed() -> None:
    extractor = TraceExtractor("traces")
    assert (list(extractor.products()), list(extractor.roles), extractor.of_files) == ([], [], False)
