"""``unprompt attribute``: pictures in, for each the candidate generator that made it, or none of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from unprompt.types import Attribution
from unprompt.workflows.planning.costs import refuse

if TYPE_CHECKING:
    from unprompt.workflows.prediction.heads import Head

METHOD: Final = "semgir-a"


def attribute(
    paths: Sequence[str | Path] | str | Path,
    *,
    generators: Sequence[str] | str | None = None,
    suite: str | Path = "auto",
    batch_size: int = 32,
    device: str = "cpu",
    dtype: str = "float32",
    report: str | Path | None = None,
    yes: bool = False,
    ask: Callable[[str], None] = refuse,
) -> list[Attribution]:
    """Tell who made pictures, folders and patterns as ``detect`` takes them; the answers come in the inputs' order.

    ``generators`` asks about some of the candidates alone (names, or one text with commas between them). The answer
    is the candidate whose calibrated head is highest, or "none of these" when all are under 0.5 or the picture lies
    outside the suite's world. Whether a picture is generated at all is the question of ``detect``: a real one should
    be none of these. A picture that cannot be read is a row with ``status = "error"``. With ``report`` a page is
    written into that folder. A run that takes long on a CPU goes to ``ask`` first; ``yes`` = go on without asking.

    >>> unprompt.attribute(["picture.jpg"])[0].generator  # doctest: +SKIP
    'diffusion'
    """
    from unprompt.workflows.planning.costs import agree
    from unprompt.workflows.prediction.attribution import AttributionPredictor
    from unprompt.workflows.prediction.inputs import inputs_of
    from unprompt.workflows.prediction.predictor import candidate_suites

    inputs = inputs_of(paths)

    def confirm(head: Head[Attribution]) -> None:
        agree(head.suite, head.extractor, len(inputs), yes=yes, ask=ask)

    names = None
    if generators is not None:
        from unprompt.workflows.fitting.attribution import names_in  # Here, since it loads torch.

        names = names_in(generators)
    asked = candidate_suites(suite, METHOD, device, dtype)[0]
    predictor = AttributionPredictor(asked, METHOD, generators=names, batch_size=batch_size, confirm=confirm)
    return predictor.predict(inputs) if report is None else predictor.report(inputs, Path(report))
