"""``load``: a detector whose models are in memory, for pictures that come one after another."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from unprompt.types import Prediction

if TYPE_CHECKING:
    from unprompt.workflows.prediction.detection import Predictor
    from unprompt.workflows.prediction.sources import Source


class LoadedDetector:
    """Judges pictures with models that are loaded once; made by :func:`load`. Several threads may share one."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def __repr__(self) -> str:
        suites = ", ".join(suite.name for suite in self._predictor.suites)
        return f"<{type(self).__name__} {self._predictor.method} of {suites}>"

    def predict(self, pictures: Source | Iterable[Source]) -> Generator[Prediction, None, None]:
        """One row a picture, in order, as soon as it is judged; several for a folder or a pattern.

        A picture is a path, the bytes of a picture's file, a file object opened with mode ``"rb"``, a ``PIL.Image``, or
        an array of H x W x 3 uint8 in sRGB. What cannot be judged is a row with ``status = "error"``. A picture without
        a path is called by its kind and place, as ``<array 3>``; an image or array has no file, so that ``sha256``,
        ``format`` and ``quality`` of its row are None, while ``pixels`` is the hash of its pixels.

        Pictures are taken as their turn comes, at most ``batch_size`` ahead, and neither they nor the rows are held
        after that, so that the iterable may have no end. Equal pictures are looked for within one batch alone.

        >>> import numpy as np
        >>> import unprompt
        >>> detector = unprompt.load(suite="miniature", method="item")
        >>> grey = np.full((64, 64, 3), 128, np.uint8)
        >>> [row.verdict for row in detector.predict([grey, grey[:32]])]
        ['inconclusive', 'inconclusive']
        >>> [row] = detector.predict(b"no picture")
        >>> row.uri, row.status
        ('<bytes 1>', 'error')
        """
        from unprompt.workflows.prediction.inputs import iter_sources

        return self._predictor.iterate(iter_sources(pictures), remember=False)


def load(
    *,
    suite: str | Path = "auto",
    method: str = "panel",
    prior: float = 0.5,
    fpr: float | None = None,
    average: int = 1,
    batch_size: int = 32,
    device: str = "cpu",
    dtype: str = "float32",
    max_pixels: int = 100_000_000,
) -> LoadedDetector:
    """A detector with all its models loaded, for many calls; the options are those of :func:`unprompt.detect`.

    Every model is run once about noise, so that what is missing is an error here and the first picture need not wait:
    MissingWeights, MissingHead, CheckpointError or OptionError.

    >>> import unprompt
    >>> unprompt.load(suite="miniature", method="item")
    <LoadedDetector item of miniature>
    """
    from unprompt.images import Limits, start_decoder

    start_decoder()  # while what follows is loaded
    from unprompt.workflows.prediction.candidates import candidate_suites
    from unprompt.workflows.prediction.detection import Predictor

    predictor = Predictor(
        candidate_suites(suite, method, device, dtype),
        method,
        prior=prior,
        fpr=fpr,
        average=average,
        batch_size=batch_size,
        limits=Limits(max_pixels),
    )
    predictor.warm_up()
    return LoadedDetector(predictor)
