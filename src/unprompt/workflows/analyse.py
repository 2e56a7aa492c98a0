"""``unprompt analyse``: one figure that a paper could print, and the numbers that it was drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from unprompt.analysis import check_forms, read_numbers, write_figure
from unprompt.errors import OptionError
from unprompt.types import Split
from unprompt.workflows.data.labelled import stores
from unprompt.workflows.figures.inputs import FigureInputs
from unprompt.workflows.figures.numbers import FIGURES
from unprompt.workflows.planning.costs import refuse

VECTORS = ("svg", "pdf")


def analyse(
    figure: str,
    *,
    out: str | Path,
    evidence: str | Path | Sequence[str | Path] | None = None,
    checkpoint: Sequence[str | Path] | None = None,
    results: Sequence[str | Path] | None = None,
    numbers: str | Path | None = None,
    method: str | None = None,
    suite: str | Path | None = None,
    split: Split = "test",
    metric: str = "auc",
    pictures: int = 2000,
    suffix: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    yes: bool = False,
    ask: Callable[[str], None] = refuse,
) -> list[Path]:
    """Write ``figure`` into the folder ``out``; the files: numbers as .parquet and .csv, a drawing in each ``suffix``.

    Drawings are svg and pdf unless told otherwise; png is known too.

    shift: LPIPS without and with caption and their gap (SARE figure 4). alignment: cosine of picture and caption
    (TIDY figure 1). consistency: CLIP score and PSNR of what was redrawn (SemGIR table 3). tsne: a method's vectors
    (TIDY and ITEM figure 9), of ``pictures`` at most. roc, det, reliability: of one ``checkpoint`` by generator, of
    several against each other. robustness: ``metric`` after perturbations, from ``results`` that ``evaluate`` wrote.

    With ``numbers``, a file that was written here before, the figure is drawn again and nothing is computed.
    """
    if figure not in FIGURES:
        raise OptionError(f"got the figure {figure!r}, expected one of {', '.join(FIGURES)}")
    forms = VECTORS if suffix is None else suffix
    check_forms(forms)
    if pictures < 1:
        raise OptionError(f"--pictures is {pictures}, expected 1 or more")
    if numbers is not None:
        return write_figure(Path(out), figure, FIGURES[figure].draw, read_numbers(Path(numbers)), forms)
    if evidence is None and FIGURES[figure].needs_evidence:
        raise OptionError(f"--evidence is missing, expected a folder that extract wrote: {figure} is drawn from it")
    inputs = FigureInputs(
        folders=stores(evidence) if evidence is not None else (),
        checkpoints=tuple(map(Path, checkpoint or ())),
        results=tuple(map(Path, results or ())),
        method=method,
        suite=suite,
        split=split,
        metric=metric,
        pictures=pictures,
        seed=seed,
        device=device,
        dtype=dtype,
        yes=yes,
        ask=ask,
    )
    return write_figure(Path(out), figure, FIGURES[figure].draw, FIGURES[figure].collect(inputs), forms)
