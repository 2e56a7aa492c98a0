"""The stage of the golden scores: the first pictures of each family, and what the heads of this suite say of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unprompt.detectors.calibration import Calibration
from unprompt.detectors.golden import Golden
from unprompt.detectors.methods.trivial import EnergyDetector
from unprompt.errors import DataError
from unprompt.evidence.product_cache import ProductCache
from unprompt.images import read
from unprompt.instruments import Suite
from unprompt.recipes.miniature import golden
from unprompt.recipes.miniature.assemble import write_manifest
from unprompt.recipes.miniature.stage import SUITE, BuildContext
from unprompt.workflows.prediction.selftest import checks

EXAMPLES = Path(__file__).parents[3] / "examples" / "pictures"


@pytest.fixture
def context(fake: Path, tmp_path: Path) -> BuildContext:
    """A fake suite with one head, and the shipped example pictures."""
    shutil.copytree(fake, tmp_path / "suite")
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    context = BuildContext(tmp_path, quick=True)
    detector = EnergyDetector(Suite.load(context.suite))
    detector.calibration = Calibration(1.0, 0.0)
    detector.save(context.suite / "heads" / "trivial-energy.safetensors")
    write_manifest(context.suite)
    return context


def test_a_few_of_each_family_are_kept_with_their_scores(context: BuildContext) -> None:
    (context.suite / "golden").mkdir()
    (context.suite / "golden" / "old.jpg").touch()
    families = ("generated/diffusion", "generated/flow", "generated/sibling", "real/scene")
    assert golden.make(context) == {"pictures": float(len(families) * golden.EACH), "methods": 1.0}
    folder = context.suite / "golden"
    kept = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    expected = [f"{name}-0{i}.jpg" for name in families for i in range(golden.EACH)]
    assert kept == expected
    stored = Golden.read(folder)
    assert list(stored.pixels) == expected
    suite = Suite.load(context.suite)
    detector = EnergyDetector.load(suite.head("trivial-energy"), suite)
    for name in expected:
        picture = read(context.examples / name, name)
        assert stored.pixels[name] == picture.pixels
        told = detector.probability(detector.logits(detector.extractor.extract(ProductCache([picture], suite))))
        assert stored.probabilities["trivial-energy"][name] == pytest.approx(float(told[0]))
    assert all(look() for _, look in checks(suite))


def test_without_examples_there_is_nothing_to_keep(context: BuildContext) -> None:
    shutil.rmtree(context.examples)
    with pytest.raises(DataError, match=r"examples holds no example pictures, expected some: make the stage examples"):
        golden.make(context)


def test_the_package_carries_what_the_stage_makes() -> None:
    folder = SUITE / "golden"
    for path in folder.rglob("*.jpg"):
        assert path.read_bytes() == (EXAMPLES / path.relative_to(folder)).read_bytes()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 100_000
    assert len(list(folder.rglob("*.jpg"))) == len(Golden.read(folder).pixels) >= 4
