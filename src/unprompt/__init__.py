"""Is this picture an answer to a prompt? The public names of the package.

>>> import unprompt
>>> predictions = unprompt.detect(["a.jpg", "folder"])  # doctest: +SKIP

Each name is loaded when it is first used, so that importing the package is quick and loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unprompt.errors import (
        CheckpointError,
        DataError,
        EngineError,
        MissingExtra,
        MissingHead,
        MissingWeights,
        NotFinite,
        OptionError,
        PictureError,
        PictureTooLarge,
        ServiceError,
        StoreError,
        SuiteError,
        Unconfirmed,
        UnpromptError,
        UnreadablePicture,
        WorkerDied,
    )
    from unprompt.types import Attribution, Caption, Picture, Prediction, Sample
    from unprompt.workflows.analyse import analyse
    from unprompt.workflows.attribute import attribute
    from unprompt.workflows.audit import audit
    from unprompt.workflows.card import card
    from unprompt.workflows.detect import detect
    from unprompt.workflows.doctor import doctor
    from unprompt.workflows.evaluate import evaluate
    from unprompt.workflows.extract import extract
    from unprompt.workflows.fetch import fetch
    from unprompt.workflows.from_pretrained import from_pretrained
    from unprompt.workflows.import_checkpoint import import_checkpoint
    from unprompt.workflows.load import LoadedDetector, load
    from unprompt.workflows.push_to_hub import push_to_hub
    from unprompt.workflows.reproduce import reproduce
    from unprompt.workflows.train import train

__version__ = "0.1.0"

__all__ = [
    "Attribution",
    "Caption",
    "CheckpointError",
    "DataError",
    "EngineError",
    "LoadedDetector",
    "MissingExtra",
    "MissingHead",
    "MissingWeights",
    "NotFinite",
    "OptionError",
    "Picture",
    "PictureError",
    "PictureTooLarge",
    "Prediction",
    "Sample",
    "ServiceError",
    "StoreError",
    "SuiteError",
    "Unconfirmed",
    "UnpromptError",
    "UnreadablePicture",
    "WorkerDied",
    "__version__",
    "analyse",
    "attribute",
    "audit",
    "card",
    "detect",
    "doctor",
    "evaluate",
    "extract",
    "fetch",
    "from_pretrained",
    "import_checkpoint",
    "load",
    "push_to_hub",
    "reproduce",
    "train",
]

_TYPES = frozenset({"Attribution", "Caption", "Prediction", "Picture", "Sample"})
_WORKFLOWS = frozenset(name for name in __all__ if name.islower() and not name.startswith("_"))


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "LoadedDetector":
        home = "unprompt.workflows.load"
    elif name in _WORKFLOWS:
        home = f"unprompt.workflows.{name}"
    else:
        home = "unprompt.types" if name in _TYPES else "unprompt.errors"
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
