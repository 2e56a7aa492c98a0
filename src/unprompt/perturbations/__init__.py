"""What happens to pictures on their way: seeded changes of decoded RGB, by name, in chains and in the papers' grids."""

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
