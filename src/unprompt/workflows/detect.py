"""``unprompt detect``: pictures in, one prediction each out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unprompt.choices import EngineName
from unprompt.engines import sharing_engine
from unprompt.errors import OptionError
from unprompt.report.folder import check_new_page, check_report
from unprompt.types import Prediction
from unprompt.urls import local_path

if TYPE_CHECKING:
    from unprompt.workflows.prediction.detection import Predictor
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
    report: Path | str | None = None,
    no_pictures: bool = False,
    redraw: str | Path | None = None,
    out: Path | str | None = None,
    follow: bool = False,
    allow_urls: bool = False,
    engine: EngineName = "local",
    devices: int | None = None,
    address: str | None = None,
    max_pixels: int = 100_000_000,
    max_minutes: float | None = 5.0,
    watch: Callable[[Prediction, Predictor], None] | None = None,
) -> list[Prediction]:
    """Judge pictures: generated, real or inconclusive; the predictions come in the inputs' order.

    A folder is walked recursively and judged by content, each real folder once, whatever links lead there; a file whose
    own name holds [, *, ? or # wins over the pattern or notation.
    Every input gets a row, with ``status = "error"`` where it cannot be judged, as a pattern without a match. Equal
    pixels are judged once; their other rows name the first in ``duplicate_of``. Without a picture that can be read no
    model is loaded.

    A run that would take longer than ``max_minutes`` on a CPU raises Unconfirmed before it begins; None = no limit.

    Args:
        paths: Pictures, folders of them, quoted patterns such as 'shots/**/*.png', or - for a list on stdin (one path
            a line, or ended by NUL bytes: -0).
        suite: The models to use: ``unprompt suites`` lists them; auto = those made for pictures like this one.
        method: The method that judges: ``unprompt methods`` lists them.
        prior: Share of generated pictures to expect, in (0, 1); it moves the probability, not the verdict.
        fpr: Call generated at this false-positive rate on validation pictures, in (0, 1).
        average: Noise samples to average the logits over; each costs as much again.
        batch_size: Pictures that are read and judged together; how many of them a model takes at once is its own.
        report: Also write a page with the pictures into this folder.
        no_pictures: Leave the pictures out of the report, which is one file then.
        redraw: Also show in the report what this suite's models make of pictures that were judged without drawing them:
            the reconstruction, the SARE map and the regeneration. No score rests on it.
        out: Also write the rows into this file, as JSON Lines, as they come. What has an answer there, and was
            not changed since, is left out, so that the same command goes on after any end.
        follow: Watch folders until Ctrl-C: each picture is judged once its writing is finished, and again if it
            changes later.
        devices: Processes that share the pictures, each with models of its own, on a device of its own; a run of
            several is not asked about its cost. Default: of local one, of ray as many as the cluster has processors,
            or GPUs.
        max_pixels: Width times height of the largest picture that is opened.
        watch: Called with each row as soon as it is there, and with what gave it, whose ``scorers`` name the scores.

    >>> unprompt.detect(["picture.jpg"])[0].verdict  # doctest: +SKIP
    'generated'
    """
    spreading = sharing_engine(engine, device, devices, address)
    if follow and spreading is not None:
        raise OptionError(
            "--devices and --engine are of no use with --follow, whose pictures come one by one: leave them out"
        )
    shown = {"report": report, "redraw": redraw, "no-pictures": no_pictures or None}
    if follow and (name := next((one for one, given in shown.items() if given is not None), "")):
        raise OptionError(
            f"--{name} is {str(shown[name])!r}, expected none with --follow: a page is written at the end"
        )
    check_report(report, no_pictures)
    rows = None if out is None else local_path(out, "--out")
    if redraw is not None and (report is None or no_pictures):
        raise OptionError(
            f"--redraw is {str(redraw)!r}, but what it draws is shown in a report alone: add --report DIR, and "
            "leave out --no-pictures"
        )
    from unprompt.images import Limits, start_decoder

    start_decoder()  # while what follows is loaded
    from unprompt.workflows.planning.costs import check_cost
    from unprompt.workflows.prediction.arrivals import Arrivals
    from unprompt.workflows.prediction.candidates import candidate_suites
    from unprompt.workflows.prediction.detection import Predictor
    from unprompt.workflows.prediction.inputs import Inputs
    from unprompt.workflows.prediction.row_file import RowFile

    suites = candidate_suites(suite, method, device, dtype)
    expected: dict[str, list[Any]] = {
        "suite": [one.name for one in suites],
        "dtype": [one.dtype for one in suites],
        "method": [method],
        "prior": [prior],
        "fpr": [fpr],
        "average": [average],
    }
    with RowFile(rows, expected) as file:
        check_new_page(report, file.path if file.goes_on else None)
        inputs = Inputs(paths, file, allow_urls)

        def check(head: Head[Any]) -> None:
            check_cost(head.suite, head.extractor, lambda: head.draws * len(inputs), max_minutes)

        redrawing = None
        if redraw is not None:
            from unprompt.workflows.prediction.redrawing import Redrawing  # Here, since it loads torch.

            redrawing = Redrawing(candidate_suites(redraw, "sare", device, dtype)[0])
            check_cost(redrawing.suite, redrawing.extractor, lambda: len(inputs), max_minutes)
        predictor = Predictor(
            suites,
            method,
            prior=prior,
            fpr=fpr,
            average=average,
            batch_size=batch_size,
            # What is still to come has no cost yet, and that of several processes is known to nobody.
            confirm=None if follow or spreading else check,
            limits=Limits(max_pixels),
            redrawing=redrawing,
            engine=spreading,
        )

        def take(row: Prediction, by: Predictor) -> None:
            file.write(row)
            if watch is not None:
                watch(row, by)

        if not follow:
            return predictor.predict(inputs, None if report is None else Path(report), take, pictures=not no_pictures)
        arrivals = Arrivals([paths] if isinstance(paths, (str, Path)) else paths, file, file.is_own)
        predictor.warm_up()
        while True:
            for row in predictor.iterate(arrivals.wait(), remember=False):
                take(row, predictor)
