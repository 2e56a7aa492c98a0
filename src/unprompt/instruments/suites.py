"""A suite: a named set of instruments with the heads trained on them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, cast

from unprompt.choices import AUTO
from unprompt.errors import SuiteError
from unprompt.instruments.cards import Card
from unprompt.instruments.manifest import Manifest
from unprompt.instruments.specs import GENERATOR, ROLES, Spec, imported

if TYPE_CHECKING:
    from unprompt.instruments.base import (
        Backbone,
        Captioner,
        Diffusion,
        Encoder,
        Generator,
        Grounder,
        Instrument,
        Perceptual,
    )
    from unprompt.instruments.discriminator import Discriminator
    from unprompt.instruments.unimodal import TextEncoder, VisionEncoder


_WORDS: Final = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


class Suite:
    """The instruments of a manifest on one device.

    Each is made once, when it is first asked for, and loads its weights at its first use.
    """

    def __init__(
        self, manifest: Manifest, device: str = "cpu", dtype: str = "float32", batch_size: int | None = None
    ) -> None:
        self.manifest = manifest
        self.device = device
        self.dtype = dtype
        self.batch_size = batch_size
        self.method = ""
        """The method whose instruments these are; empty = those of every method that has none of its own."""
        self._at: dict[tuple[str, str], Suite] = {}
        """By dtype and method: the same instruments in other precisions."""
        self._built: dict[object, Instrument] = {}
        """By place in the file and method, and by what the file says of them, so that equal ones are loaded once."""

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        device: str = "cpu",
        dtype: str = "float32",
        batch_size: int | None = None,
    ) -> Suite:
        """An embedded suite by name, or one by the path of its folder or .toml file. Loads no weights yet.

        ``device``: cpu, cuda, cuda:1, mps or auto; ``dtype``: float32, bfloat16 or float16, whatever the weights are
        stored in, or ``auto``, which measures it once; ``batch_size``: of every instrument, None = each one's own.
        """
        manifest = Manifest.read(name_or_path)
        if dtype == AUTO:
            from unprompt.instruments.precision import measured_dtype  # Here, since it loads torch.

            dtype = measured_dtype(manifest, device)
        return cls(manifest, device, dtype, batch_size)

    def of(self, method: str) -> Self:
        """The suite as one method sees it: with the instruments that the file gives to this method alone.

        What is loaded is shared: a model that two methods name with the same parameters is loaded once.
        """
        seen = object.__new__(type(self))
        vars(seen).update(vars(self), method=method)
        return seen

    def at_dtype(self, dtype: str) -> Suite:
        """The suite with models that run in ``dtype``; of this one's own dtype it is this suite."""
        if dtype == self.dtype:
            return self
        key = (dtype, self.method)
        if key not in self._at:
            self._at[key] = Suite(self.manifest, self.device, dtype, self.batch_size).of(self.method)
        return self._at[key]

    def on(self, device: str) -> Suite:
        """The suite with models on ``device``; on its own device it is this suite."""
        if device == self.device:
            return self
        return Suite(self.manifest, device, self.dtype, self.batch_size).of(self.method)

    def __getstate__(self) -> dict[str, Any]:
        """Without what is loaded: a pickled suite loads its models where it arrives."""
        return {**vars(self), "_at": {}, "_built": {}}

    def has_override(self, role: str) -> bool:
        """Whether the method of this view has an instrument of its own in ``role``."""
        return role in self.manifest.overrides(self.method)

    def __repr__(self) -> str:
        return f"Suite.load({self.name!r}, device={self.device!r}, dtype={self.dtype!r})"

    @property
    def on_cpu(self) -> bool:
        """Whether its models run on a CPU."""
        if self.device == "cpu":
            return True
        from unprompt.instruments.loading import device_of  # Here, since it loads torch.

        return device_of(self.device).type == "cpu"

    @property
    def name(self) -> str:
        """With what was exchanged inline."""
        return self.manifest.called

    @property
    def title(self) -> str:
        return self.manifest.title

    @property
    def description(self) -> str:
        return self.manifest.description

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def fake(self) -> bool:
        """True = random weights, for tests of plumbing; its verdicts mean nothing."""
        return self.manifest.fake

    @property
    def heads(self) -> Mapping[str, Path]:
        """Method -> checkpoint; see :meth:`head` for one that is known to be there."""
        return self.manifest.heads

    @property
    def world(self) -> Path | None:
        """The fitted check that a picture belongs to the suite's world; None = the suite has none."""
        return self.manifest.world

    def head(self, method: str) -> Path:
        """The checkpoint of a method; MissingHead when there is none."""
        return self.manifest.head(method)

    @property
    def captioner(self) -> Captioner:
        return cast("Captioner", self._role("captioner"))

    @property
    def encoder(self) -> Encoder:
        return cast("Encoder", self._role("encoder"))

    @property
    def diffusion(self) -> Diffusion:
        return cast("Diffusion", self._role("diffusion"))

    @property
    def grounder(self) -> Grounder:
        return cast("Grounder", self._role("grounder"))

    @property
    def perceptual(self) -> Perceptual:
        return cast("Perceptual", self._role("perceptual"))

    @property
    def backbone(self) -> Backbone:
        return cast("Backbone", self._role("backbone"))

    @property
    def vision(self) -> VisionEncoder:
        return cast("VisionEncoder", self._role("vision"))

    @property
    def text(self) -> TextEncoder:
        return cast("TextEncoder", self._role("text"))

    @property
    def discriminator(self) -> Discriminator:
        return cast("Discriminator", self._role("discriminator"))

    @property
    def generators(self) -> tuple[str, ...]:
        """Names that :meth:`generator` knows: the diffusion first, when there is one."""
        return tuple(self.manifest.generators_of(self.method))

    @property
    def candidates(self) -> tuple[str, ...]:
        """The generators that attribution asks about: the diffusion, and those that the suite's file declares."""
        return self.manifest.candidates_of(self.method)

    def generator(self, name: str = "diffusion") -> Generator:
        """A generator by name; ``diffusion`` is the suite's own."""
        if name not in self.generators:
            raise self._lacks("generator", name, self.generators)
        if name == "diffusion":
            return self.diffusion
        return cast("Generator", self._build(f"generators.{name}", self.manifest.generators[name], GENERATOR))

    def card(self, role: str) -> Card:
        """The card of :meth:`instrument`; loads no weights."""
        return self.instrument(role).card

    def instrument(self, role: str) -> Instrument:
        """The instrument in ``role``, or the generator in ``generators.NAME``; its weights are not loaded yet."""
        kind, _, name = role.partition(".")
        return self.generator(name) if kind == "generators" else self._role(role)

    def _role(self, role: str) -> Instrument:
        instruments = self.manifest.instruments_of(self.method)
        if role not in instruments:
            raise self._lacks("instrument", role, tuple(instruments))
        place = f"methods.{self.method}.instruments.{role}" if self.has_override(role) else f"instruments.{role}"
        return self._build(place, instruments[role], ROLES[role])

    def _build(self, place: str, spec: Spec, interface: str) -> Instrument:
        if (place, self.method) not in self._built:
            build = self._class(place, spec, interface)
            below = {role: self._role(role) for role in spec.built_on}
            key = (spec.key, *map(id, below.values()))
            if key not in self._built:
                origin = self.manifest.origin(spec)
                made = build(origin, device=self.device, dtype=self.dtype, **below, **spec.parameters)
                made.batch_size = self.batch_size or made.batch_size
                self._built[key] = made
            self._built[place, self.method] = self._built[key]
        return self._built[place, self.method]

    def _class(self, place: str, spec: Spec, interface: str) -> Any:
        """The class that a spec names, known to fit its place and to take its parameters."""
        build = spec.build()
        if not issubclass(build, wanted := imported(interface)):
            where = f"suite file {self.manifest.file}, at [{place}]"
            raise SuiteError(f"{where}: class {spec.kind!r} is a {build.__name__}, expected a {wanted.__name__}")
        stated = inspect.signature(build).parameters.values()
        given = ("origin", "device", "dtype", *spec.built_on)
        known = {entry.name: entry.default for entry in stated if entry.name not in given}
        for name, value in spec.parameters.items():
            kind = type(known.get(name))
            taken = (int, float) if kind is float else (kind,)
            if not isinstance(value, taken) or (isinstance(value, bool) and kind is not bool):
                expected = _WORDS.get(kind, f"a parameter of {build.__name__}: {', '.join(known) or 'none'}")
                raise self.manifest.misfit(f"{place.removeprefix('instruments.')}.{name}", value, expected)
        return build

    def _lacks(self, what: str, name: str, present: tuple[str, ...]) -> SuiteError:
        return SuiteError(
            f"suite {self.name!r} has no {what} {name!r} (it has: {', '.join(present) or 'none'}): "
            f"add it to {self.manifest.file}, or choose another suite"
        )
