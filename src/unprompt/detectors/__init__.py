"""Evidence -> a score: the four methods, the panel of them, and the baselines beside them."""

from unprompt.detectors.registry import METHODS, load

__all__ = ["METHODS", "load"]
