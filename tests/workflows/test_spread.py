"""The spread: drawn once, measured against a computation of its own, and left out where it was not asked for."""

from __future__ import annotations

import shutil
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from unprompt.detectors import load
from unprompt.detectors.methods.panel import Panel
from unprompt.errors import OptionError
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.instruments.stable_diffusion import StableDiffusion
from unprompt.store import Store
from unprompt.types import Picture
from unprompt.workflows.extract import extract
from unprompt.workflows.fitting import spread
from unprompt.workflows.train import train

from .conftest import SMALL, contents

DRAWS, SOME = 3, 6


@pytest.fixture(scope="module")
def limited() -> pytest.MonkeyPatch:
    """Fewer pictures than the validation split holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spread, "PICTURES", SOME)
        yield patch


@pytest.fixture(scope="module")
def drawn(limited: object, store: Path, pictures: Path, suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with further draws."""
    copy = tmp_path_factory.mktemp("drawn") / "evidence"
    shutil.copytree(store, copy)
    return extract("panel", data=f"folder:{pictures}", out=copy, suite=suite, spread=DRAWS)


def chosen(pictures: Path) -> list[Picture]:
    """The validation pictures with the lowest hashes."""
    found = [read(path, str(path)) for path in (pictures / "validation").rglob("*.png")]
    return sorted(found, key=lambda picture: picture.pixels)[:SOME]


def test_some_validation_pictures_are_drawn(drawn: Path, pictures: Path, suite: Path) -> None:
    names = {picture.pixels for picture in chosen(pictures)}
    for method in ("sare", "semgir"):
        note = Store(drawn).read_noise_samples(method)
        assert note is not None
        assert (note.number, note.evidence) == (DRAWS, Store(drawn).read_view(method).fingerprint)
        assert {pixels for row in note.pictures.values() for pixels in row} == names
    assert Store(drawn).read_noise_samples("tidy") is None


@pytest.mark.parametrize("method", ["sare", "semgir", "panel"])
def test_the_card_says_how_far_a_score_moves(
    method: str, drawn: Path, pictures: Path, suite: Path, heads: Path, tmp_path: Path
) -> None:
    if method == "panel":
        shutil.copytree(heads, tmp_path, dirs_exist_ok=True)
    options = None if method == "panel" else SMALL
    path = train(
        method, evidence=drawn, out=tmp_path / f"{method}.safetensors", suite=suite, options=options, fpr=0.1, fnr=0.1
    )
    detector = load(path, Suite.load(suite))
    found = detector.figures["spread"]
    table = []
    for noise in range(DRAWS):
        cache = ProductCache(chosen(pictures), detector.suite, noise=noise)
        table.append(detector.logits(detector.extractor.extract(cache)))
    assert (found["draws"], found["pictures"]) == (DRAWS, SOME)
    for name, values in (("logit", np.array(table)), ("probability", detector.probability(table))):
        mean = statistics.fmean(statistics.variance(column) for column in values.T.tolist())
        assert found[name] == pytest.approx(mean**0.5, rel=1e-3)
        assert found[name] > 0
    assert isinstance(detector, Panel) == (method == "panel")


def test_the_head_itself_is_not_moved(heads: Path, drawn: Path, suite: Path, tmp_path: Path) -> None:
    path = train(
        "item", evidence=drawn, out=tmp_path / "item.safetensors", suite=suite, options=SMALL, fpr=0.1, fnr=0.1
    )
    assert path.read_bytes() == (heads / "item.safetensors").read_bytes()
    still = load(path, Suite.load(suite)).figures["spread"]
    assert still == {"draws": 0, "pictures": 0, "logit": 0.0, "probability": 0.0}
    assert str(spread.Spread(**still)) == "no noise enters"
    assert str(spread.Spread(3, 6, 0.5, 0.0625)) == "±0.062 over 3 draws of the noise, on 6 pictures"


def test_without_draws_the_card_says_nothing(heads: Path, suite: Path) -> None:
    assert "spread" not in load(heads / "sare.safetensors", Suite.load(suite)).figures
    assert "spread" not in load(heads / "panel.safetensors", Suite.load(suite)).figures


def test_a_second_run_draws_nothing_and_an_interrupted_one_goes_on(
    drawn: Path, store: Path, pictures: Path, suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    plain = StableDiffusion.reconstruct

    def reconstruct(self: StableDiffusion, rgbs: list[object], texts: list[str], seeds: list[int]) -> object:
        asked.append(len(rgbs))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return plain(self, rgbs, texts, seeds)

    monkeypatch.setattr(StableDiffusion, "reconstruct", reconstruct)
    extract("sare", data=f"folder:{pictures}", out=drawn, suite=suite, spread=DRAWS)
    assert asked == []
    copy = tmp_path / "evidence"
    shutil.copytree(store, copy)
    with pytest.raises(KeyboardInterrupt):
        extract("panel", data=f"folder:{pictures}", out=copy, suite=suite, spread=DRAWS)
    assert Store(copy).read_noise_samples("sare") is None
    extract("panel", data=f"folder:{pictures}", out=copy, suite=suite, spread=DRAWS)
    assert contents(copy) == contents(drawn)


def test_draws_of_other_evidence_are_left_alone(drawn: Path, tmp_path: Path, suite: Path) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(drawn, copy)
    stored = Store(copy).read_noise_samples("sare")
    assert stored is not None
    assert stored.evidence == Store(copy).read_view("sare").fingerprint
    Store(copy).write_noise_samples(replace(stored, evidence="0" * 64))
    out = tmp_path / "sare.safetensors"
    train("sare", evidence=copy, out=out, suite=suite, options=SMALL, fpr=0.1, fnr=0.1)
    assert "spread" not in load(out, Suite.load(suite)).figures


def test_less_than_one_draw_is_refused(pictures: Path, suite: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--spread is 0, expected 1 or more draws of the noise"):
        extract("sare", data=f"folder:{pictures}", out=tmp_path, suite=suite, spread=0)
