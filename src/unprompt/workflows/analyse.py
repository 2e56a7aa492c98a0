"""``unprompt analyse``: one figure that a paper could print, and the numbers that it was drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unprompt.analysis import check_forms, read_numbers, write_figure
from unprompt.choices import Split
from unprompt.errors import DataError, OptionError
from unprompt.urls import local_path
from unprompt.workflows.data.labelled import stores
from unprompt.workflows.figures.inputs import FigureInputs
from unprompt.workflows.figures.numbers import FIGURES

VECTORS = ("svg", "pdf")


def analyse(
    figure: str,
    *,
    out: Path | str,
    evidence: Sequence[str | Path] | str | Path | None = None,
    checkpoint: Sequence[Path | str] | None = None,
    results: Sequence[Path | str] | None = None,
    numbers: Path | str | None = None,
    method: str | None = None,
    suite: str | Path | None = None,
    split: Split = "test",
    metric: str = "auc",
    pictures: int = 2000,
    suffix: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    max_minutes: float | None = 5.0,
) -> list[Path]:
    """Draw a figure of the papers from stored evidence, with its numbers beside it as .parquet and .csv.

    shift: LPIPS with and without caption and their gaps (SARE figures 2 and 4). gap: with caption alone, as it stands
    in the evidence (SARE figure 7). alignment: cosine of picture and caption (TIDY figure 1). sign: which class lies
    further from its captions, by generator and three measures. consistency: CLIP score and PSNR of what was redrawn,
    by SemGIR and, where there is evidence of dire, by DIRE (SemGIR table 3). tsne: the vectors that a method's head
    takes, or, of a ``checkpoint`` that takes pictures, what its last layer takes (TIDY and ITEM figure 9). roc, det,
    reliability: of one checkpoint by generator, of several against each other. robustness: a metric after
    perturbations, from results of ``evaluate``.

    A run that would take longer than ``max_minutes`` on a CPU raises Unconfirmed before it begins; None = no limit.

    Args:
        figure: shift, gap, alignment, sign, consistency, tsne, roc, det, reliability or robustness.
        out: Folder of the figure and of its numbers.
        evidence: A folder that ``extract`` wrote, or its URL; may be given several times.
        checkpoint: What ``train`` wrote; may be given several times.
        results: What ``evaluate`` wrote with robustness and out; may be given several times.
        numbers: Draw a figure again from the numbers stored beside it; nothing is computed.
        method: Whose evidence; default: the first that is there.
        suite: The suite that made the evidence, if not the one it names.
        split: The pictures to show.
        metric: What robustness shows: auc, ap, accuracy, ...
        pictures: Pictures of t-SNE at most.
        suffix: svg, pdf or png; may be given several times; default: svg and pdf.
        seed: Seed of t-SNE.
    """
    if figure not in FIGURES:
        raise OptionError(f"got the figure {figure!r}, expected one of {', '.join(FIGURES)}")
    folder, forms = local_path(out, "--out"), VECTORS if suffix is None else suffix
    check_forms(forms)
    if pictures < 1:
        raise OptionError(f"--pictures is {pictures}, expected 1 or more")
    if numbers is not None:
        try:
            return write_figure(folder, figure, FIGURES[figure].draw, read_numbers(Path(numbers)), forms)
        except KeyError as error:
            raise DataError(
                f"{numbers} has no column {error}, expected the numbers that the figure {figure} was drawn from"
            ) from error
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
        max_minutes=max_minutes,
    )
    return write_figure(folder, figure, FIGURES[figure].draw, FIGURES[figure].collect(inputs), forms)
