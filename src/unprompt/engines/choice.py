"""The engine that a command asks for."""

from __future__ import annotations

from unprompt.choices import EngineName
from unprompt.engines.base import Engine, InProcess
from unprompt.errors import OptionError


def engine_for(name: EngineName, device: str, devices: int | None = None, address: str | None = None) -> Engine:
    """``local`` with ``devices`` processes, by default this one alone; or ``ray`` (see the classes).

    Of several local processes with ``device`` cuda, each has a GPU of its own, in turn. Raises OptionError.
    """
    if devices is not None and devices < 1:
        raise OptionError(f"--devices is {devices}, expected 1 or more")
    if name == "ray":
        from unprompt.engines.ray import RayEngine

        return RayEngine(device, devices, address)
    if name != "local":
        raise OptionError(f"--engine is {name!r}, expected local or ray")
    if address is not None:
        raise OptionError(f"--address is {address!r}, which --engine local has no use for: leave it out, or take ray")
    if devices is None or devices == 1:
        return InProcess(device)
    from unprompt.engines.local import LocalEngine

    return LocalEngine(_each(device, devices))


def sharing_engine(name: EngineName, device: str, devices: int | None, address: str | None) -> Engine | None:
    """As :func:`engine_for`; None = this process, which needs none."""
    chosen = engine_for(name, device, devices, address)
    return None if isinstance(chosen, InProcess) else chosen


def _each(device: str, devices: int) -> list[str]:
    """The device of each process."""
    if device not in ("cuda", "auto"):
        return [device] * devices
    import torch  # Here, since it is heavy.

    count = torch.cuda.device_count()
    return [f"cuda:{number % count}" for number in range(devices)] if count else [device] * devices
