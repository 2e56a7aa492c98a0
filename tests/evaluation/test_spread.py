"""The spread against the standard library, and what is refused."""

import statistics

import numpy as np
import pytest

from unprompt.errors import DataError
from unprompt.evaluation import spread


def test_it_is_the_root_of_the_mean_unbiased_variance() -> None:
    values = np.random.default_rng(0).normal(size=(4, 7)) * np.arange(7)
    expected = statistics.fmean(statistics.variance(column) for column in values.T.tolist()) ** 0.5
    assert spread(values) == pytest.approx(expected)


def test_what_differs_between_pictures_alone_is_no_spread() -> None:
    assert spread([[0.1, 0.9, 0.4]] * 5) == 0


@pytest.mark.parametrize(("values", "words"), [([[0.5, 0.6]], "1, 2"), ([[], []], "2, 0"), ([0.5, 0.6], "2,")])
def test_too_little_is_refused(values: list[object], words: str) -> None:
    with pytest.raises(DataError, match=rf"shape \({words}\), expected draws x pictures, 2 x 1 or more"):
        spread(values)
