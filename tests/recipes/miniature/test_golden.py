"""The stage of the golden scores: the first pictures of each family, and what the heads of this suite say of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unprompt.detectors.calibration import Calibration
from unprompt.detectors.golden import Golden
from unprompt.detectors.methods.trivial import EnergyDetector
from unprompt.errors import DataError
from unprompt.evidence.product_cache import Bench
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.recipes.miniature import golden
from unprompt.recipes.miniature.assemble import write_manifest
from unprompt.recipes.miniature.stage import SUITE, Workshop
from unprompt.workflows.prediction.selftest import checks

EXAMPLES = Path(__file__).parents[3] / "examples" / "pictures"


@pytest.fixture
def workshop(fake: Path, tmp_path: Path) -> Workshop:
    """A fake suite with one head, and the shipped example pictures."""
    shutil.copytree(fake, tmp_path / "suite")
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    workshop = Workshop(tmp_path, quick=True)
    detector = EnergyDetector(Suite.load(workshop.suite))
    detector.calibration = Calibration(1.0, 0.0)
    detector.save(workshop.suite / "heads" / "trivial-energy.safetensors")
    write_manifest(workshop.suite)
    return workshop


def test_a_few_of_each_family_are_kept_with_their_scores(workshop: Workshop) -> None:
    (workshop.suite / "golden").mkdir()
    (workshop.suite / "golden" / "old.jpg").touch()
    families = ("generated/diffusion", "generated/flow", "generated/sibling", "real/scene")
    assert golden.make(workshop) == {"pictures": float(len(families) * golden.EACH), "methods": 1.0}
    folder = workshop.suite / "golden"
    kept = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    expected = [f"{name}-0{i}.jpg" for name in families for i in range(golden.EACH)]
    assert kept == expected
    stored = Golden.read(folder)
    assert list(stored.pixels) == expected
    suite = Suite.load(workshop.suite)
    detector = EnergyDetector.load(suite.head("trivial-energy"), suite)
    for name in expected:
        picture = read(workshop.examples / name, name)
        assert stored.pixels[name] == picture.pixels
        told = detector.probability(detector.logits(detector.extractor.extract(Bench([picture], suite))))
        assert stored.probabilities["trivial-energy"][name] == pytest.approx(float(told[0]))
    assert all(look() for _, look in checks(suite))


def test_without_examples_there_is_nothing_to_keep(workshop: Workshop) -> None:
    shutil.rmtree(workshop.examples)
    with pytest.raises(DataError, match=r"examples holds no example pictures, expected some: make the stage examples"):
        golden.make(workshop)


def test_the_package_carries_what_the_stage_makes() -> None:
    folder = SUITE / "golden"
    for path in folder.rglob("*.jpg"):
        assert path.read_bytes() == (EXAMPLES / path.relative_to(folder)).read_bytes()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 100_000
    assert len(list(folder.rglob("*.jpg"))) == len(Golden.read(folder).pixels) >= 4
