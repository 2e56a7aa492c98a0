"""Datasets are indexes of samples: where each picture lies and what is known of it."""

from unprompt.datasets.folder import load_folder
from unprompt.datasets.manifest import load_manifest
from unprompt.datasets.pairs import members_by_generator, partners
from unprompt.datasets.spec import NAMES, Loader, load

__all__ = ["NAMES", "Loader", "load", "load_folder", "load_manifest", "members_by_generator", "partners"]
