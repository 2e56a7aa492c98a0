"""``unprompt detect``: pictures in, one prediction each out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unprompt.types import Prediction


def detect(
    paths: Sequence[str | Path] | str | Path,
    *,
    suite: str | Path = "auto",
    method: str = "panel",
    prior: float = 0.5,
    fpr: float | None = None,
    average: int = 1,
    batch_size: int = 32,
    device: str = "cpu",
    dtype: str = "float32",
    report: Path | str | None = None,
    max_minutes: float | None = 5.0,
) -> list[Prediction]:
    """Judge pictures: generated, real or inconclusive; the predictions come in the inputs' order.

    A folder is walked recursively and judged by content; a file whose own name holds [, * or ? wins over the pattern.
    Every input gets a row, with ``status = "error"`` where it cannot be judged, as a pattern without a match. Equal
    pixels are judged once; their other rows name the first in ``duplicate_of``. Without a picture that can be read no
    model is loaded.

    A run that would take longer than ``max_minutes`` on a CPU raises Unconfirmed before it begins; None = no limit.

    Args:
        paths: Pictures, folders of them, quoted patterns such as 'shots/**/*.png', or - for a list on stdin (one path
            a line, or ended by NUL bytes).
        suite: The models to use: ``unprompt suites`` lists them; auto = those made for pictures like this one.
        method: The method that judges: ``unprompt methods`` lists them.
        prior: Share of generated pictures to expect, in (0, 1); it moves the probability, not the verdict.
        fpr: Call generated at this false-positive rate on validation pictures, in (0, 1).
        average: Noise samples to average the logits over; each costs as much again.
        batch_size: Pictures at a time.
        report: Also write a page with the pictures into this folder.

    >>> unprompt.detect(["picture.jpg"])[0].verdict  # doctest: +SKIP
    'generated'
    """
    from unprompt.images import start_decoder

    start_decoder()  # while what follows is loaded
    from unprompt.workflows.planning.costs import check_cost
    from unprompt.workflows.prediction.inputs import inputs_of
    from unprompt.workflows.prediction.predictor import Predictor, candidate_suites

    inputs = inputs_of(paths)
    predictor = Predictor(
        candidate_suites(suite, method, device, dtype),
        method,
        prior=prior,
        fpr=fpr,
        average=average,
        batch_size=batch_size,
        confirm=lambda head: check_cost(head.suite, head.extractor, head.draws * len(inputs), max_minutes),
    )
    return predictor.predict(inputs) if report is None else predictor.report(inputs, Path(report))
