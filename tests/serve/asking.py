"""Pictures to ask the service about, and how."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from fastapi.testclient import TestClient

EXAMPLES = Path(__file__).parents[2] / "examples" / "pictures"
SCENE, DRAWING = EXAMPLES / "real" / "scene-00.jpg", EXAMPLES / "generated" / "flow-00.jpg"
METHOD = "item"
Serving = Callable[..., AbstractContextManager[TestClient]]


def files(*paths: Path) -> list[tuple[str, tuple[str, bytes, str]]]:
    """A form of pictures."""
    return [("pictures", (path.name, path.read_bytes(), "image/jpeg")) for path in paths]
