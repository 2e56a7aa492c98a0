"""How long the heads on embeddings take: 80,000 pictures x 768, 50 epochs, width 256; the bound is 90 s on 2 cores.

    python benchmarks/head_training.py [--pictures 80000] [--width 768] [--epochs 50] [--hidden 256] [--threads 2]

TIDY and ITEM learn, the linear probe on CLIP's vectors (UnivFD's idea) is solved. The evidence is drawn at random,
generated pictures a little further from their captions; a tenth of it besides is validation, after each epoch. Wall
time and processor time are told: on a busy machine only the second says what the work is. Exit code 0 = within the
bound, by wall time or, of all threads together, by processor time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial as partial_of
from pathlib import Path

import numpy as np
import torch

from unprompt.detectors.discrepancy import DiscrepancyOptions
from unprompt.detectors.methods.item import ItemDetector
from unprompt.detectors.methods.probe import ClipProbe
from unprompt.detectors.methods.tidy import TidyDetector
from unprompt.evidence.alignment import AlignmentEvidence
from unprompt.evidence.embedding import EmbeddingEvidence
from unprompt.instruments import Suite
from unprompt.testing.fake_suite import save_fake_suite
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


def timed(name: str, train: Callable[[], object]) -> bool:
    """Train, tell how long that took, and whether it is within the bound."""
    began, spent = time.perf_counter(), time.process_time()
    train()
    wall, work = time.perf_counter() - began, time.process_time() - spent
    print(f"{name}: {wall:.1f} s, of processor {work:.1f} s", flush=True)
    return min(wall, work) <= BOUND


def main() -> int:
    """Train each head once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("pictures", 80_000), ("width", 768), ("epochs", 50), ("hidden", 256), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    learned, labels = drawn(chosen.pictures, chosen.width, 0)
    held = Validation(*drawn(max(2, chosen.pictures // 10), chosen.width, 1))
    within = []
    with tempfile.TemporaryDirectory() as temporary:
        suite = Suite.load(save_fake_suite(Path(temporary)))
        suite.encoder.width = chosen.width  # the heads ask the encoder for nothing else
        options = DiscrepancyOptions(epochs=chosen.epochs, hidden=chosen.hidden)
        partial, size = Path(temporary) / "head.partial", f"{chosen.pictures} x {chosen.width}"
        for made in (TidyDetector, ItemDetector):
            head, told = made(suite, options), list[Report]()
            title = f"{head.method}, {size}, {chosen.epochs} epochs, hidden {chosen.hidden}, {chosen.threads} threads"
            within.append(timed(title, partial_of(fit, head, learned, labels, 0, told.append, held, partial)))
            print(f"  loss {told[0].loss:.4f} -> {told[-1].loss:.4f}, validation {told[-1].validation_loss:.4f}")
            partial.unlink()
        seen = [EmbeddingEvidence(one.image) for one in learned]
        within.append(timed(f"clip-probe, {size}, solved", partial_of(fit, ClipProbe(suite), seen, labels)))
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
