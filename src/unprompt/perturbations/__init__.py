"""Seeded changes of decoded RGB: by name, in chains, in the papers' grids, and for training."""

from unprompt.perturbations.augment import Augmentation, AugmentationSample
from unprompt.perturbations.chain import UNCHANGED, Chain, Perturbation, perturbed
from unprompt.perturbations.degradation import CONDITIONS, DegradationPipeline, condition
from unprompt.perturbations.grids import GRIDS, grid
from unprompt.perturbations.transforms import KINDS, Transform

__all__ = [
    "CONDITIONS",
    "GRIDS",
    "KINDS",
    "UNCHANGED",
    "Augmentation",
    "AugmentationSample",
    "Chain",
    "DegradationPipeline",
    "Perturbation",
    "Transform",
    "condition",
    "grid",
    "perturbed",
]
