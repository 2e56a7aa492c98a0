"""Engines: how one unit of work is spread over the processes of a machine, or over a cluster."""

from unprompt.engines.base import Engine, InProcess, Work
from unprompt.engines.choice import engine_for, sharing_engine

__all__ = ["Engine", "InProcess", "Work", "engine_for", "sharing_engine"]
