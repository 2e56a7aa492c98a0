"""``unprompt detect``: pictures in, one prediction each out; nothing lost, nothing invented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unprompt.types import Prediction
from unprompt.workflows.planning.costs import refuse

if TYPE_CHECKING:
    from unprompt.workflows.prediction.heads import Head


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
    report: str | Path | None = None,
    yes: bool = False,
    ask: Callable[[str], None] = refuse,
) -> list[Prediction]:
    """Judge pictures, folders and patterns such as ``"shots/**/*.png"``; the predictions come in the inputs' order.

    A folder is walked recursively and judged by content; a file whose own name holds ``[``, ``*`` or ``?`` wins over
    the pattern. What cannot be judged is a row with ``status = "error"``, a pattern without a match too. Each input
    gets its row; pixels that were judged before are not judged again, and their row names the first in
    ``duplicate_of``. ``prior``, the share of generated pictures where they come from, moves the probability, not the
    verdict; ``fpr`` moves the upper threshold to another false-positive rate. ``average`` is the number of draws of
    the noise over which the logits are averaged: 1 is the plain score; further draws steady it, each at the full cost.
    With ``report`` a page is written into that folder. Without a picture that can be read no model is loaded. What
    takes long on a CPU goes to ``ask`` first, which raises to stop it; ``yes`` = go on.

    >>> unprompt.detect(["picture.jpg"])[0].verdict  # doctest: +SKIP
    'generated'
    """
    from unprompt.workflows.planning.costs import agree
    from unprompt.workflows.prediction.inputs import inputs_of
    from unprompt.workflows.prediction.predictor import Predictor, candidate_suites

    inputs = inputs_of(paths)

    def confirm(head: Head[Prediction]) -> None:
        agree(head.suite, head.extractor, head.draws * len(inputs), yes=yes, ask=ask)

    predictor = Predictor(
        candidate_suites(suite, method, device, dtype),
        method,
        prior=prior,
        fpr=fpr,
        average=average,
        batch_size=batch_size,
        confirm=confirm,
    )
    return predictor.predict(inputs) if report is None else predictor.report(inputs, Path(report))
