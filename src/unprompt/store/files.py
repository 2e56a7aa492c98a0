"""Files that are whole or not there: written aside, flushed to the disk, renamed; or put at once as an object."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from unprompt.errors import StoreError
from unprompt.store.object_path import ObjectPath
from unprompt.store.places import Place


def write_aside(path: Place, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file beside ``path``, flush it to the disk, then give it its name.

    A process killed at any moment leaves the old file or the new one, and at worst a temporary file that
    no reader sees and that the next writer of ``path`` removes. Raises StoreError for a full or read-only disk.
    An object is filled in memory, and then put.
    """
    if isinstance(path, ObjectPath):
        buffer = BytesIO()
        write(buffer)
        path.write_bytes(buffer.getvalue())
        return
    aside = path.with_name(f"{_stem(path)}{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        with aside.open("w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        _replace(aside, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error}); expected a folder with free space that you may write to: "
            "make room or name another --out, or UNPROMPT_HOME for caches, then run the same command again"
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock that the system frees when this process ends, however it ends."""
    from filelock import BaseFileLock, FileLock, SoftFileLock  # most runs lock nothing

    lock: BaseFileLock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        if isinstance(lock, SoftFileLock):  # It is one where the file system has no locks; a killed run would leave it.
            lock.release()
            raise NotImplementedError("its file system has no locks")
    except (OSError, NotImplementedError) as error:
        raise StoreError(
            f"{path} cannot be opened ({error}); expected a folder that you may write to: make it so or name another "
            "--out, or UNPROMPT_HOME for caches, then run the same command again"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _stem(path: Path) -> str:
    # The host is part of the name because process ids are only unique on one.
    return f".{path.name}.{platform.node()}."


def _sweep(path: Path) -> None:
    """Remove what dead runs on this host left beside ``path``."""
    stem = _stem(path)
    with os.scandir(path.parent) as found:
        strays = [entry.name for entry in found if entry.name.startswith(stem)]
    for name in strays:
        writer = name.removeprefix(stem).removesuffix(".tmp")
        if writer.isdecimal() and not _alive(int(writer)):
            with suppress(OSError):  # Another user's: it does no harm.
                path.with_name(name).unlink()


def _alive(process: int) -> bool:
    if sys.platform == "win32":  # where os.kill would end it
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(0x100000, False, process)  # SYNCHRONIZE
        running: bool = kernel.WaitForSingleObject(handle, 0) == 0x102 if handle else kernel.GetLastError() == 5
        kernel.CloseHandle(handle)
        return running  # 0x102 = the wait timed out; 5 = it is another user's
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _replace(aside: Path, path: Path) -> None:
    """Rename; Windows refuses it while another process reads ``path``, so there it is tried for ten seconds."""
    for _ in range(100 if sys.platform == "win32" else 0):
        with suppress(PermissionError):
            os.replace(aside, path)
            return
        time.sleep(0.1)
    os.replace(aside, path)


def _flush_folder(folder: Path) -> None:
    # Some network file systems refuse this; the rename has happened all the same.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
