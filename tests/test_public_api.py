"""The public names: complete, sorted and light."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import unprompt
from unprompt import errors

VERBS = (
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
)
NOUNS = ("Attribution", "Caption", "LoadedDetector", "Prediction", "Picture", "Sample")
ERRORS = tuple(
    name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, errors.UnpromptError)
)


def test_all_is_sorted_and_complete() -> None:
    assert unprompt.__all__ == sorted({"__version__", *VERBS, *NOUNS, *ERRORS})
    assert dir(unprompt) == unprompt.__all__


@pytest.mark.parametrize("name", [*NOUNS, *ERRORS])
def test_nouns_and_errors_resolve(name: str) -> None:
    assert getattr(unprompt, name).__name__ == name


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_are_documented_functions(verb: str) -> None:
    function = getattr(unprompt, verb)
    assert inspect.isfunction(function)
    assert function.__name__ == verb
    assert function.__doc__


def test_unknown_name_is_named() -> None:
    with pytest.raises(AttributeError, match="'unprompt' has no attribute 'guess'"):
        _ = unprompt.guess


def test_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    assert unprompt.__version__ == version("unprompt")


def test_import_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'diffusers', 'PIL', 'numpy', 'pyarrow'}"
    code = f"import sys, unprompt; unprompt.UnpromptError; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
