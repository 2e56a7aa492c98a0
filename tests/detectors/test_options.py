"""A wrong option is one clear line that names option, value and expectation; a right one is kept as it was given."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from unprompt.detectors import checkpoint
from unprompt.detectors.methods.patches import PatchesOptions
from unprompt.detectors.methods.sare import SareOptions
from unprompt.detectors.options import Options
from unprompt.errors import OptionError
from unprompt.instruments.shelf import shipped

HEADS = sorted(path for name in ("miniature", "photo") for path in shipped(name).parent.glob("heads/*"))


@pytest.mark.parametrize(
    ("options", "wrong", "words"),
    [
        (SareOptions, {"augmentation": "none"}, "--augmentation is 'none', expected a table"),
        (SareOptions, {"augmentation": {"blur": 2}}, "--augmentation blur is 2, expected a share from 0 to 1"),
        (
            SareOptions,
            {"augmentation": {"blurring": 1}},
            "--augmentation blurring is unknown, expected one of blur, bright",
        ),
        (SareOptions, {"augmentation": {"radii": [1]}}, "--augmentation radii 1 is missing, expected two numbers, the"),
        (SareOptions, {"augmentation": {"radii": [3, 1]}}, "augmentation radii is 3 to 1, expected the smaller first"),
        (SareOptions, {"epochs": "x"}, "--epochs is 'x', expected a whole number"),
        (SareOptions, {"epochs": "3"}, "--epochs is '3', expected a whole number"),
        (SareOptions, {"epochs": True}, "--epochs is True, expected a whole number"),
        (SareOptions, {"epochs": None}, "--epochs is None, expected a whole number"),
        (SareOptions, {"rate": -1}, "--rate is -1, expected a number above 0"),
        (SareOptions, {"rate": float("nan")}, "--rate is nan, expected a number above 0"),
        (SareOptions, {"weight_decay": "much"}, "--weight-decay is 'much', expected a number"),
        (SareOptions, {"optimiser": "sgd"}, "--optimiser is 'sgd', expected one of adam, adamw"),
        (SareOptions, {"residual": "maybe"}, "--residual is 'maybe', expected true or false"),
        (SareOptions, {"half": "maybe"}, "--half is unknown, expected one of augmentation, batch"),
        (PatchesOptions, {"nets": 1.5}, r"--nets is 1\.5, expected a whole number"),
    ],
)
def test_a_wrong_option_is_named_with_its_value(options: type[Options], wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words) as raised:
        options().override(wrong)
    (name,) = wrong
    assert raised.value.option is not None
    assert raised.value.option.split(".")[0] == name
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.option, again.expected) == (str(raised.value), raised.value.option, raised.value.expected)


def test_numbers_are_kept_as_they_are_given() -> None:
    made = SareOptions().override({"rate": 1, "augmentation": {"blur": 1, "radii": [1, 2.0]}})
    stored = json.dumps(made.to_dict(), sort_keys=True)
    assert '"blur": 1, ' in stored
    assert '"radii": [1, 2.0], ' in stored
    assert json.dumps(SareOptions.from_dict(json.loads(stored)).to_dict(), sort_keys=True) == stored


@pytest.mark.parametrize("path", HEADS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_the_header_of_a_shipped_head_is_written_as_it_was_read(path: Path) -> None:
    with safe_open(path, "pt") as stored:
        text = stored.metadata()[checkpoint.KEY]
    assert checkpoint.read_header(path).to_json() == text
