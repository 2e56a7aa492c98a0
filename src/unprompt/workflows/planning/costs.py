"""What a run asks of a machine: its models, and on a CPU its minutes, estimated before it begins.

The minutes come from a model: the work that the suite's file states for each instrument (TFLOP a picture, or one pass
of a UNet), times its passes, over EFFICIENCY of the speed at which this machine multiplies matrices, measured now.
Left out are the autoencoder of a diffusion, texts and the heads: a few percent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from unprompt.detectors import EVERY
from unprompt.errors import Unconfirmed
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.specs import Spec

if TYPE_CHECKING:
    from unprompt.evidence.base import Extractor

log = logging.getLogger(__name__)

LONG = 5.0
"""Minutes of a run that are worth a line in the log."""
EFFICIENCY = 0.7
"""Share of a matrix product's speed that UNets and transformers reach on a CPU; measured: 0.6 to 0.8."""
SLOWEST = 0.01
"""TFLOP a second that any machine reaches: what is quick with it is not measured for."""


def check_cost(
    suite: Suite, extractor: Extractor[Any], pictures: int | Callable[[], int], max_minutes: float | None
) -> None:
    """Log the minutes of a run on a CPU that takes more than a few; Unconfirmed when they pass ``max_minutes``.

    ``pictures`` is their number, or counts them where it is needed. MissingWeights for a run that cannot begin, before
    anything is measured.
    """
    from unprompt.instruments.loading import device_of  # Here, since it loads torch.

    for spec in specs_of(suite.manifest, [extractor]):
        suite.manifest.origin(spec)
    work = tflop(suite.manifest, extractor)
    if not work or device_of(suite.device).type != "cpu":
        return
    number = pictures() if callable(pictures) else pictures
    if not number:
        return
    if work * number < 60 * LONG * SLOWEST:
        return
    minutes = work / (EFFICIENCY * speed(suite.dtype)) / 60
    estimate = (
        f"{extractor.method} with the suite {suite.name} takes about {minutes:.1f} minutes a picture on this CPU, "
        f"{_spelt(minutes * number)} for {number}"
    )
    if max_minutes is not None and minutes * number > max_minutes:
        raise Unconfirmed(
            estimate,
            "add --yes (max_minutes=None in Python) to go on, choose --device cuda where there is one, or use "
            "--suite miniature, which is quick",
        )
    if minutes * number > LONG:
        log.info(estimate)


def tflop(manifest: Manifest, extractor: Extractor[Any]) -> float:
    """10^12 operations a picture; what two methods share counts once."""
    asked: dict[object, float] = {}
    for one in members(extractor):
        specs, drawing = manifest.instruments_of(one.method), manifest.generators_of(one.method)
        for role in set(manifest.with_built_on(one.roles, one.method)) & set(specs) - {"diffusion"}:
            asked[specs[role].key] = specs[role].needs.work
        for product in one.products():
            spec = drawing.get(product.generator)
            if spec is not None and spec.needs.work:
                asked[spec.key, product.role] = spec.needs.work * _passes(product.role, spec)
    return sum(asked.values())


def members(extractor: Extractor[Any]) -> list[Extractor[Any]]:
    """The extractors of a panel, or the one itself."""
    from unprompt.evidence.joint import JointExtractor  # Here, since it loads torch.

    return list(extractor.extractors.values()) if isinstance(extractor, JointExtractor) else [extractor]


def extractors_of(method: str, manifest: Manifest) -> list[Extractor[Any]]:
    """What makes a method's evidence, or that of a panel's members, with this suite; no model is loaded."""
    made = EVERY[method].evidence_of(EVERY[method].options_for(manifest))
    several = members(made)
    return several if several == [made] else [one for each in several for one in extractors_of(each.method, manifest)]


def specs_of(manifest: Manifest, extractors: Iterable[Extractor[Any]]) -> list[Spec]:
    """The instruments that some extractors and the heads on them are built on, each once."""
    found: dict[object, Spec] = {}
    for one in (member for extractor in extractors for member in members(extractor)):
        specs = {**manifest.generators_of(one.method), **manifest.instruments_of(one.method)}
        drawing = [product.generator for product in one.products() if product.generator]
        for name in manifest.with_built_on((*one.roles, *EVERY[one.method].roles, *drawing), one.method):
            if name in specs:
                found[specs[name].key] = specs[name]
    return list(found.values())


def speed(dtype: str) -> float:
    """TFLOP a second of a matrix product in ``dtype`` on this CPU."""
    from unprompt.instruments.loading import device_of, dtype_of  # Here, since they load torch.
    from unprompt.instruments.matrix_rate import matrix_rate

    return matrix_rate(dtype_of(dtype), device_of("cpu"))


def _passes(product: str, spec: Spec) -> int:
    """Passes of the UNet for one product: two a step, with and without the words."""
    from unprompt.instruments.sampling import Sampling

    stated: dict[str, Any] = {name: spec.parameters[name] for name in ("strength", "steps") if name in spec.parameters}
    sampling = Sampling(**stated)
    if product.startswith("regenerations"):
        return 2 * sampling.steps
    return {"reconstructions": 2, "free_reconstructions": 1}.get(product, 0) * sampling.real_steps


def _spelt(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
