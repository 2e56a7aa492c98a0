"""Small models compute with one thread and large ones with all there are; the user's word wins; scores stay."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from unprompt.instruments import Suite
from unprompt.instruments import threads as threads_module
from unprompt.instruments.threads import SMALL, threads, weights_of
from unprompt.types import RGB, Caption


@pytest.fixture(autouse=True)
def _four(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four threads where the user has chosen nothing."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads_module, "_cores", lambda: 4)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_one_for_small_models_and_all_for_large_ones_also_where_one_uses_the_other() -> None:
    with threads(SMALL):
        assert torch.get_num_threads() == 1
        with threads(SMALL + 1):
            assert torch.get_num_threads() == 4
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4


def test_no_more_than_processors_and_than_torch_was_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads_module, "_cores", lambda: 2)
    with threads(SMALL + 1):
        assert torch.get_num_threads() == 2
    torch.set_num_threads(3)
    monkeypatch.setattr(threads_module, "_cores", lambda: 64)
    with threads(SMALL + 1):
        assert torch.get_num_threads() == 3


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_the_user_has_the_word(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "4")
    with threads(1):
        assert torch.get_num_threads() == 4


def test_threads_come_back_after_an_error() -> None:
    with pytest.raises(KeyError), threads(1):
        raise KeyError
    assert torch.get_num_threads() == 4


def test_a_small_instrument_computes_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = Suite.load("miniature").captioner
    monkeypatch.setattr(type(captioner), "_caption", lambda _, pictures: [str(torch.get_num_threads())])
    assert captioner.captions([np.zeros((64, 64, 3), np.uint8)]) == [Caption("1")]
    assert 0 < weights_of(captioner.model) < SMALL


def test_scores_do_not_depend_on_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder of a suite gives the same vectors with one thread, by its size, and with four, by the user's word."""
    rng = np.random.default_rng(0)
    pictures: Sequence[RGB] = [rng.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(4)]
    encoder = Suite.load("miniature").encoder
    one = encoder.embed_pictures(pictures)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert np.abs(one - encoder.embed_pictures(pictures)).max() <= 1e-6 * np.abs(one).max()
