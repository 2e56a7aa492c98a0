"""The note of further draws."""

import json

import pytest

from unprompt.errors import StoreError
from unprompt.store import NoiseSamples, Store

NOTE = NoiseSamples("sare", "f" * 64, 4, {"0": ["aa", "bb"], "12": ["cc"]})


def test_what_was_written_is_read(tmp_path):
    store = Store(tmp_path)
    store.write_noise_samples(NOTE)
    assert store.read_noise_samples("sare") == NOTE
    assert (NOTE.of(0), NOTE.of(12), NOTE.of(1)) == ({"aa", "bb"}, {"cc"}, frozenset())


def test_without_a_note_there_is_none(tmp_path):
    assert Store(tmp_path).read_noise_samples("sare") is None


@pytest.mark.parametrize("text", ["", "{", '{"method": "sare"}', "[]"])
def test_a_damaged_note_is_an_error_that_names_it(tmp_path, text):
    Store(tmp_path).write_noise_samples(NOTE)
    (tmp_path / "draws" / "sare.json").write_text(text)
    with pytest.raises(
        StoreError, match=r"draws/sare\.json: no sound note of noise samples .* extract sare .* --spread K"
    ):
        Store(tmp_path).read_noise_samples("sare")


def test_a_note_with_a_flipped_bit_is_damaged_and_one_of_before_is_read(tmp_path):
    Store(tmp_path).write_noise_samples(NOTE)
    path = tmp_path / "draws" / "sare.json"
    whole = path.read_text()
    for flipped in (whole.replace('"aa"', '"qa"'), whole.replace('"checksum"', '"bhecksum"')):
        path.write_text(flipped)
        with pytest.raises(
            StoreError, match=r"draws/sare\.json: no sound note of noise samples \((ValueError|TypeError)"
        ):
            Store(tmp_path).read_noise_samples("sare")
    former = json.loads(whole)
    del former["checksum"]
    path.write_text(json.dumps(former))
    assert Store(tmp_path).read_noise_samples("sare") == NOTE
