"""All figures of the card in one table: conditions, out-of-distribution pictures, the AUC of metadata alone."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from unprompt.detectors import load
from unprompt.detectors.calibration import sigmoid
from unprompt.evidence.product_cache import ProductCache
from unprompt.evidence.traces import WIDTH
from unprompt.evidence.views import LONGEST
from unprompt.images import hash_pixels
from unprompt.recipes.photo import figures
from unprompt.recipes.photo.changes import drawn
from unprompt.recipes.photo.documents import page
from unprompt.recipes.photo.fusion import Judged
from unprompt.recipes.photo.head_trainer import PANELS, HeadTrainer
from unprompt.recipes.photo.sources import DRAWN, folds
from unprompt.types import Picture
from unprompt.workflows.audit import audit

log = logging.getLogger(__name__)

FIGURES: Final = "figures.json.gz"
"""Beside the suite's file."""
PAGES: Final = 24
"""Documents that are drawn."""
OOD_CONDITIONS: Final = ("raw", "aligned")
"""Conditions under which the pictures that no net learns from are judged."""
ALIGNMENT: Final = "jpeg:96,size:224"


def measure(trainer: HeadTrainer, data: Sequence[str]) -> dict[str, Any]:
    """What the file of ``FIGURES`` holds; the suite has to have its heads."""
    judged = trainer.judged()
    return {
        "conditions": {name: figures.condition(trainer.trained_on, one) for name, one in judged.items()},
        "members": {method: _alone(trainer, method) for method in PANELS["panel"]},
        "strangers": _out_of_distribution(trainer),
        "facts": _facts(trainer, data),
    }


def _alone(trainer: HeadTrainer, method: str) -> dict[str, Any]:
    """Macro figures of one member on aligned pictures."""
    logits, none = trainer.logits[method]["aligned"], np.zeros(len(trainer.labels), np.bool_)
    macro: dict[str, Any] = figures.condition(trainer.trained_on, Judged(sigmoid(logits), none, none))["macro"]
    return macro


def _out_of_distribution(trainer: HeadTrainer) -> dict[str, dict[str, Any]]:
    """Drawn pictures and documents, which no net learned from, judged by the shipped panel."""
    groups = {
        DRAWN: [one.read() for one in trainer.rows if one.sample.content == DRAWN],
        "document": [_page(number) for number in range(PAGES)],
    }
    suite = trainer.empty
    panel = load(trainer.suite / "heads" / "panel.safetensors", suite)
    table: dict[str, dict[str, Any]] = {}
    for name, pictures in groups.items():
        for condition in OOD_CONDITIONS if pictures else ():
            probabilities = []
            for one in pictures:
                cache = ProductCache([drawn(condition, one)], suite)
                probabilities.append(panel.probability(panel.logits(panel.extractor.extract(cache)))[0])
            assert panel.thresholds is not None
            flagged = np.array(probabilities) > panel.thresholds.upper
            table.setdefault(name, {})[condition] = {"n": len(flagged), "accused": figures.share(flagged)}
            log.info(f"{name}, {condition}: {flagged.sum()} of {len(flagged)} flagged")
    return table


def _page(number: int) -> Picture:
    rgb = page(number)
    pixels = hash_pixels(rgb)
    return Picture(uri=f"page {number}", rgb=rgb, sha256=pixels, pixels=pixels, width=rgb.shape[1], height=rgb.shape[0],
                   format="PNG", quality=None)  # fmt: skip


def _facts(trainer: HeadTrainer, data: Sequence[str]) -> dict[str, Any]:
    heads = sum(path.stat().st_size for path in trainer.suite.rglob("*.safetensors"))
    return {
        "traces": WIDTH,
        "longest": LONGEST,
        "megabytes": heads / 1e6,
        "generated": int(trainer.labels.sum()),
        "real": int((trainer.labels == 0).sum()),
        "given": sum(1 for one in trainer.trained_on if not one.packed),
        "folds": len(set(folds().values())),
        **max(map(_metadata, data), key=lambda one: one["metadata"]),
    }


def _metadata(data: str) -> Mapping[str, float]:
    """AUC of the metadata alone, on the manifest's pictures as they are and once both classes are aligned."""
    with tempfile.TemporaryDirectory() as folder:
        before = audit(f"manifest:{data}", align=ALIGNMENT, out=Path(folder) / "view")
        after = audit(f"manifest:{Path(folder) / 'view' / 'manifest.csv'}")
    return {
        name: one.bias.auc if one.bias is not None else 0.5 for name, one in (("metadata", before), ("leveled", after))
    }
