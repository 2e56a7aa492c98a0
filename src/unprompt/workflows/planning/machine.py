"""What this machine has for a run: cores and memory, on every system."""

from __future__ import annotations

import ctypes
import os


def usable_cores() -> int:
    """Cores that this process may run on; where the system does not tell, all that there are."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13 and later
        return os.process_cpu_count() or 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int | None:
    """Bytes of memory that are built in; None where the system does not tell."""
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kibibytes, windows = ctypes.c_ulonglong(0), getattr(ctypes, "windll", None)
    if windows is not None:
        windows.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kibibytes))
    return kibibytes.value * 1024 or None
