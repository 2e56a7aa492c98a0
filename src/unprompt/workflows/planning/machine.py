"""The memory that this machine has for a run, on every system."""

from __future__ import annotations

import ctypes
import os


def memory() -> int | None:
    """Bytes of memory that are built in; None where the system does not tell."""
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kibibytes, windows = ctypes.c_ulonglong(0), getattr(ctypes, "windll", None)
    if windows is not None:
        windows.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kibibytes))
    return kibibytes.value * 1024 or None
