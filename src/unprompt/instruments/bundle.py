"""A suite as one folder, for a machine without network: every model beside a ``suite.toml`` that names it by path."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, TypeVar

from unprompt.errors import SuiteError
from unprompt.instruments.digests import folder_digest
from unprompt.instruments.lanes import LaneSpec
from unprompt.instruments.manifest import Manifest
from unprompt.instruments.specs import Spec
from unprompt.instruments.suite_file import to_toml

S = TypeVar("S", bound=Spec)

log = logging.getLogger(__name__)


def write_bundle(manifest: Manifest, specs: Sequence[Spec], folder: Path) -> Path:
    """Write the models of ``specs``, the heads and the file of a suite into ``folder``, and return it.

    Cards say the same there as here: hub id, the revision that was fetched, digest and licence are written down.
    What lies there already is kept; ``suite.toml`` comes last. SuiteError when the folder cannot be written.
    """
    try:
        heads = {method: _copied(head, folder / "heads") for method, head in manifest.heads.items()}
        fallbacks = {method: _copied(head, folder / "heads") for method, head in manifest.fallbacks.items()}
        world = _copied(manifest.world, folder) if manifest.world else None
        copied = {str(manifest.heads[method]): str(head) for method, head in heads.items()}
        copied |= {str(manifest.fallbacks[method]): str(head) for method, head in fallbacks.items()}
        copied |= {str(manifest.world): str(world)}
        for fitted in manifest.fitted:
            place = folder / fitted
            copied[str(manifest.inside(fitted))] = str(_copied(manifest.inside(fitted), place.parent))
        kept = {spec.key: _carried(manifest, spec, folder) for spec in specs}
        made = replace(
            manifest,
            file=folder / "suite.toml",
            instruments=_only(manifest.instruments, kept),
            methods={
                method: replace(own, instruments=_only(own.instruments, kept))
                for method, own in manifest.methods.items()
            },
            generators=_only(manifest.generators, kept),
            heads=heads,
            fallbacks=fallbacks,
            world=world,
            digests={copied[path]: digest for path, digest in manifest.digests.items()},
        )
        lanes = {name: replace(lane, parameters=_present(made, lane)) for name, lane in manifest.lanes.items()}
        aside = folder / ".suite.toml"
        aside.write_text(to_toml(replace(made, lanes=lanes)), "utf-8")
        aside.replace(made.file)
    except OSError as error:
        raise SuiteError(
            f"the bundle {folder} cannot be written ({error}): free some space, or choose another --to"
        ) from error
    return folder


def _only(specs: Mapping[str, S], kept: Mapping[tuple[object, ...], Mapping[str, Any]]) -> dict[str, S]:
    return {name: replace(spec, **kept[spec.key]) for name, spec in specs.items() if spec.key in kept}


def _present(made: Manifest, lane: LaneSpec) -> dict[str, Any]:
    """What a lane exchanges of the models that are in the bundle."""
    return {name: value for name, value in lane.parameters.items() if made.has_place(name.rpartition(".")[0])}


def _carried(manifest: Manifest, spec: Spec, folder: Path) -> dict[str, str]:
    """Write a model into the bundle; what its spec says there otherwise."""
    origin, files = manifest.origin(spec), spec.build().files
    name = _folder_name(spec)
    log.info(f"writing {folder / name}")
    for source in _matching(origin.folder, files):
        _copied(source, (folder / name / source.relative_to(origin.folder)).parent)
    # That of a model on a trunk covers the trunk too, which is copied as it is: it stays.
    digest = spec.digest if "trunk" in spec.parameters else folder_digest(folder / name, files)
    return {"path": name, "revision": origin.revision, "digest": digest}


def _folder_name(spec: Spec) -> str:
    if spec.model:
        return "--".join([*spec.model.split("/"), *([spec.revision] if spec.revision else [])])
    if spec.wheel:
        return spec.wheel.folder.name
    source = PurePath(PurePosixPath(spec.url).stem if spec.url else spec.path)
    return "--".join(part for part in source.parts if part not in ("..", source.anchor))


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def _copied(source: Path, folder: Path) -> Path:
    """``source`` in ``folder``: as a second name of the same file where the disk allows it, else as a copy."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / source.name
    there, here = (path.stat() if path.is_file() else None for path in (target, source))
    if there and here and (there.st_size, there.st_mtime_ns) == (here.st_size, here.st_mtime_ns):
        return target
    aside = folder / f".{source.name}"
    aside.unlink(missing_ok=True)
    try:
        os.link(os.path.realpath(source), aside)
    except OSError:  # Another disk, or one that knows no second names.
        shutil.copy2(source, aside)
    return aside.replace(target)
