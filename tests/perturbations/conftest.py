"""Pictures to change."""

import numpy as np
import pytest

from unprompt.types import RGB


@pytest.fixture(scope="session")
def rgb() -> RGB:
    """60 x 90 x 3: a ramp with some grain."""
    rng = np.random.default_rng(2)
    down, across = np.meshgrid(np.linspace(20, 200, 60), np.linspace(20, 230, 90), indexing="ij")
    ramp = np.stack([down, across, (down + across) / 2], -1)
    return np.clip(ramp + rng.normal(0, 10, ramp.shape), 0, 255).astype(np.uint8)
