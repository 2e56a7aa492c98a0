"""How long an embedding head takes: 80,000 pictures x 768, 50 epochs, hidden width 256; the bound is 90 s on 2 cores.

    python benchmarks/head_training.py [--pictures 80000] [--width 768] [--epochs 50] [--hidden 256] [--threads 2]

The evidence is drawn at random, generated pictures a little further from their captions; a tenth of it besides is
validation, measured after each epoch. Wall time and processor time are told: on a busy machine only the second says
what the work is. Exit code 0 = within the bound, by wall time or, of all threads together, by processor time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from unprompt.detectors.discrepancy import DiscrepancyOptions
from unprompt.detectors.item import ItemDetector
from unprompt.evidence.alignment import AlignmentEvidence
from unprompt.instruments import Suite
from unprompt.instruments.fakes import save_fake_suite
from unprompt.training.fit import Report, Validation, fit
from unprompt.types import Caption

BOUND = 90.0
"""Seconds."""


def drawn(count: int, width: int, seed: int) -> tuple[list[AlignmentEvidence], list[int]]:
    """Evidence of ``count`` pictures, every other one generated."""
    random, said = np.random.default_rng(seed), Caption("a ball")
    texts = random.normal(size=(count, width)).astype(np.float32)
    steps = random.normal(size=(count, width)).astype(np.float32)
    steps *= np.where(np.arange(count) % 2, 0.55, 0.5).astype(np.float32)[:, None]
    rows = zip(texts + steps, texts, strict=True)
    return [AlignmentEvidence(image, text, said) for image, text in rows], [place % 2 for place in range(count)]


def main() -> int:
    """Train once and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("pictures", 80_000), ("width", 768), ("epochs", 50), ("hidden", 256), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    learned, labels = drawn(chosen.pictures, chosen.width, 0)
    held = Validation(*drawn(max(2, chosen.pictures // 10), chosen.width, 1))
    with tempfile.TemporaryDirectory() as temporary:
        suite = Suite.load(save_fake_suite(Path(temporary)))
        suite.encoder.width = chosen.width  # the head asks the encoder for nothing else
        options = DiscrepancyOptions(epochs=chosen.epochs, hidden=chosen.hidden)
        detector, told = ItemDetector(suite, options), list[Report]()
        began, spent = time.perf_counter(), time.process_time()
        fit(detector, learned, labels, on_epoch=told.append, validation=held, partial=Path(temporary) / "item.partial")
        wall, work = time.perf_counter() - began, time.process_time() - spent
    print(
        f"item, {chosen.pictures} x {chosen.width}, {chosen.epochs} epochs, hidden {chosen.hidden}, "
        f"{chosen.threads} threads: {wall:.1f} s, of processor {work:.1f} s; "
        f"loss {told[0].loss:.4f} -> {told[-1].loss:.4f}"
    )
    return 0 if min(wall, work) <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
