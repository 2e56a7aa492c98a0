"""Evidence -> a score: the four methods, the panel, the baselines beside them, and the attributor."""

from unprompt.detectors.registry import ATTRIBUTORS, EVERY, METHODS, OF_FILES, load, load_attributor

__all__ = ["ATTRIBUTORS", "EVERY", "METHODS", "OF_FILES", "load", "load_attributor"]
