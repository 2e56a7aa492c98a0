"""Lossless storage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unprompt.errors import UnreadablePicture
from unprompt.images import decode_png, encode_png

from .files import save, scene

PICTURES = st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)).flatmap(lambda shape: arrays(np.uint8, shape))


@given(rgb=PICTURES)
@settings(max_examples=50, deadline=None)
def test_round_trip_and_equal_bytes(rgb: np.ndarray) -> None:
    data = encode_png(rgb)
    assert np.array_equal(decode_png(data), rgb)
    assert encode_png(rgb.copy()) == data


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_only_rgb_is_encoded(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=rf"expected uint8 of shape H x W x 3, got {wrong.dtype} of shape \(4, 4"):
        encode_png(wrong)


def test_only_png_is_decoded() -> None:
    with pytest.raises(UnreadablePicture, match="stored picture: JPEG; expected PNG"):
        decode_png(save(scene(), "JPEG"))


def test_a_damaged_stored_picture() -> None:
    with pytest.raises(UnreadablePicture, match="stored picture: damaged or truncated PNG: "):
        decode_png(encode_png(scene())[:60])
