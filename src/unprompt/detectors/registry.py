"""Which methods there are. Names load nothing; looking a class up imports its file, and torch with it.

``METHODS`` are the detectors, which tell generated pictures from real ones; ``ATTRIBUTORS`` tell generators apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from unprompt.errors import CheckpointError
from unprompt.lazy import LazyMapping

if TYPE_CHECKING:
    from unprompt.detectors.attributor import Attributor
    from unprompt.detectors.base import Detector, Model
    from unprompt.instruments import Suite

_FILES: Final = {
    "sare": "sare:SareDetector",
    "semgir": "semgir:SemgirDetector",
    "tidy": "tidy:TidyDetector",
    "item": "item:ItemDetector",
    "panel": "panel:Panel",
    "clip-probe": "probe:ClipProbe",
    "resnet50": "resnet50:ResNet50Detector",
    "convnext": "convnext:ConvNextDetector",
    "swin": "swin:SwinDetector",
    "cnndet": "cnndet:CnndetDetector",
    "npr": "npr:NprDetector",
    "gramnet": "gramnet:GramnetDetector",
    "fusing": "fusing:FusingDetector",
    "dire": "dire:DireDetector",
    "lgrad": "lgrad:LgradDetector",
    "univfd": "univfd:UnivfdDetector",
    "univfd-nn": "univfd:NearestDetector",
    "vibnet": "vibnet:VibnetDetector",
    "clip-flow": "clip_flow:ClipFlowDetector",
    "defake": "defake:DefakeDetector",
    "fredect": "fredect:FredectDetector",
    "drct": "drct:DrctDetector",
    "clip-layers": "clip_layers:ClipLayersDetector",
    "traces": "traces:TracesDetector",
    "patches": "patches:PatchesDetector",
    "trivial-energy": "trivial:EnergyDetector",
    "trivial-thumbnail": "trivial:ThumbnailDetector",
    "trivial-metadata": "trivial:MetadataDetector",
}


_ATTRIBUTOR_FILES: Final = {"semgir-a": "semgir_a:SemgirAttributor"}

OF_FILES: Final = frozenset({"trivial-energy", "trivial-thumbnail", "trivial-metadata"})
"""Methods whose evidence describes the file too, and not the pixels alone; told here so that none is imported."""

_PACKAGE: Final = "unprompt.detectors.methods"
METHODS: Final = LazyMapping[type["Detector[Any, Any]"]]("method", _PACKAGE, _FILES)
ATTRIBUTORS: Final = LazyMapping[type["Attributor[Any, Any]"]]("method", _PACKAGE, _ATTRIBUTOR_FILES)
EVERY: Final = LazyMapping[type["Model[Any, Any]"]]("method", _PACKAGE, {**_FILES, **_ATTRIBUTOR_FILES})


def load(path: Path | str, suite: Suite) -> Detector[Any, Any]:
    """The detector in a checkpoint, of whatever method; :class:`CheckpointError` when it does not fit the suite."""
    method = _method(path)
    if method in ATTRIBUTORS:
        raise CheckpointError(
            f"{path} holds {method}, which tells generators apart and not generated from real: "
            "ask it with unprompt attribute, or give the checkpoint of a detector"
        )
    return METHODS[method].load(path, suite)


def load_attributor(path: Path | str, suite: Suite) -> Attributor[Any, Any]:
    """As :func:`load`, the attributor in a checkpoint."""
    method = _method(path)
    if method not in ATTRIBUTORS:
        raise CheckpointError(
            f"{path} holds {method}, which tells no generators apart, expected {' or '.join(ATTRIBUTORS)}: "
            "ask it with unprompt detect, or give the checkpoint of an attributor"
        )
    return ATTRIBUTORS[method].load(path, suite)


def _method(path: Path | str) -> str:
    from unprompt.detectors import checkpoint  # here, so that names alone import no torch

    method = checkpoint.read_header(Path(path)).method
    if method not in EVERY:
        raise CheckpointError(f"{path} holds the method {method!r}, this edition knows {', '.join(EVERY)}")
    return method
