"""``unprompt attribute``: pictures in, for each the candidate generator that made it, or none of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from unprompt.choices import EngineName
from unprompt.engines import sharing_engine
from unprompt.report.folder import check_report
from unprompt.types import Attribution

if TYPE_CHECKING:
    from unprompt.workflows.prediction.attribution import AttributionPredictor
    from unprompt.workflows.prediction.heads import Head

METHOD: Final = "semgir-a"


def attribute(
    paths: Sequence[str | Path] | str | Path,
    *,
    generators: str | Sequence[str] | None = None,
    suite: str | Path = "auto",
    batch_size: int = 32,
    device: str = "cpu",
    dtype: str = "float32",
    report: Path | str | None = None,
    no_pictures: bool = False,
    allow_urls: bool = False,
    engine: EngineName = "local",
    devices: int | None = None,
    address: str | None = None,
    max_pixels: int = 100_000_000,
    max_minutes: float | None = 5.0,
    watch: Callable[[Attribution, AttributionPredictor], None] | None = None,
) -> list[Attribution]:
    """Name the generator that made a picture, or none of these; the answers come in the inputs' order.

    The answer is the candidate whose calibrated head is highest, or "none of these" when all are under 0.5 or the
    picture is out of the suite's distribution. Whether a picture is generated at all is the question of ``detect``: a
    real one should be none of these. A picture that cannot be read is a row with ``status = "error"``.

    A run that would take longer than ``max_minutes`` on a CPU raises Unconfirmed before it begins; None = no limit.

    Args:
        paths: Pictures, folders of them, quoted patterns such as 'shots/**/*.png', or - for a list on stdin (one path
            a line, or ended by NUL bytes: -0).
        generators: Only these candidates, as a,b,c, by any of their names; default: all of the suite's.
        suite: The models to use: ``unprompt suites`` lists them; auto = the first that has a head for it.
        batch_size: Pictures that are read and judged together; how many of them a model takes at once is its own.
        report: Also write a page with the pictures into this folder.
        no_pictures: Leave the pictures out of the report, which is one file then.
        devices: Processes that share the pictures, each with models of its own, on a device of its own; a run of
            several is not asked about its cost. Default: of local one, of ray as many as the cluster has processors,
            or GPUs.
        max_pixels: Width times height of the largest picture that is opened.
        watch: Called with each row as soon as it is there, and with what gave it, whose ``scorers`` name the scores.

    >>> unprompt.attribute(["picture.jpg"])[0].generator  # doctest: +SKIP
    'diffusion'
    """
    check_report(report, no_pictures)
    from unprompt.images import Limits, start_decoder

    start_decoder()  # while what follows is loaded
    from unprompt.workflows.planning.costs import check_cost
    from unprompt.workflows.prediction.attribution import AttributionPredictor
    from unprompt.workflows.prediction.candidates import candidate_suites
    from unprompt.workflows.prediction.inputs import Inputs

    spreading, inputs, names = sharing_engine(engine, device, devices, address), Inputs(paths, (), allow_urls), None

    def check(head: Head[Any]) -> None:
        check_cost(head.suite, head.extractor, lambda: len(inputs), max_minutes)

    if generators is not None:
        from unprompt.workflows.fitting.attribution import names_in  # Here, since it loads torch.

        names = names_in(generators)
    predictor = AttributionPredictor(
        candidate_suites(suite, METHOD, device, dtype)[0],
        METHOD,
        generators=names,
        batch_size=batch_size,
        confirm=None if spreading else check,
        limits=Limits(max_pixels),
        engine=spreading,
    )
    return predictor.predict(inputs, None if report is None else Path(report), watch, pictures=not no_pictures)
