"""The words that options choose among. Importing this loads nothing else."""

from typing import Final, Literal, TypeAlias

AUTO: Final = "auto"
"""Of a suite, a device or a dtype: the choice is made for the user."""
Split: TypeAlias = Literal["train", "validation", "test"]
CalibrationMap: TypeAlias = Literal["platt", "isotonic", "temperature"]
"""From a head's logit to a probability."""
Band: TypeAlias = Literal["empirical", "conformal"]
"""Whom the rates of two thresholds are promised of: the validation pictures, or new pictures like them."""
Preprocess: TypeAlias = Literal["resize", "crop"]
"""How a picture comes to a network's size: made smaller or larger, or cut out of the picture as it is."""
Precision: TypeAlias = Literal["32", "bf16-mixed", "16-mixed"]
"""Numbers of a training's forward pass."""
Logger: TypeAlias = Literal["csv", "tensorboard", "wandb"]
"""Where a training's losses are written."""
EngineName: TypeAlias = Literal["local", "ray"]
"""What work is spread over: processes of this machine, or the nodes of a Ray cluster."""
