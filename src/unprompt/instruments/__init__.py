"""Frozen pretrained models behind small interfaces, gathered in suites.

Importing this package loads no torch: :class:`Suite` parses its file alone and imports a model's class when the
instrument is first asked for. The interfaces are in :mod:`unprompt.instruments.base`.
"""

from unprompt.instruments.manifest import Manifest
from unprompt.instruments.shelf import embedded
from unprompt.instruments.specs import CLASSES, ROLES
from unprompt.instruments.suites import Suite

__all__ = ["CLASSES", "ROLES", "Manifest", "Suite", "embedded"]
