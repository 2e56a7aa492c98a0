"""Metadata-only classifiers against ones that other libraries, or hand, compute."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from unprompt.auditing import Audit, metadata_bias
from unprompt.auditing.bias import _by_values, _folds


def mixed(item, count=60, seed=0):
    """Real JPEG of any size against PNG of 512, with exceptions on both sides."""
    rng = np.random.default_rng(seed)
    items = []
    for number in range(count):
        odd = number % 6 == 0
        size = (512, 512) if odd else tuple(int(side) for side in rng.integers(200, 900, 2))
        items.append(item(0, "coco", size=size, form="JPEG", quality=int(rng.choice([90, 96]))))
        items.append(item(1, f"sd{number % 2}", size=(640, 480) if odd else (512, 512), form="JPEG", quality=96))
    return items


def test_the_linear_one_is_scikit_learns_on_the_same_folds(item) -> None:
    items = mixed(item)
    found = metadata_bias(items)
    assert found is not None
    labels = np.array([one.label == 1 for one in items])
    read = [one.facts for one in items]
    features = np.stack([one.features for one in read]).astype(float)
    fold = _folds(read, labels, 5)
    scores = np.zeros(len(items))
    for number in range(5):
        fitted, held = fold != number, fold == number
        scaler = StandardScaler().fit(features[fitted])
        # Ours: balanced mean loss + l2/2 |w|^2; theirs: C times the sum of weighted losses + |w|^2 / 2.
        weights = {kind: 0.5 / (labels[fitted] == kind).sum() for kind in (False, True)}
        model = LogisticRegression(C=1 / 1e-2, tol=1e-10, max_iter=5000)
        model.fit(
            scaler.transform(features[fitted]), labels[fitted], sample_weight=[weights[one] for one in labels[fitted]]
        )
        scores[held] = model.decision_function(scaler.transform(features[held]))
    assert found.linear == pytest.approx(roc_auc_score(labels, scores), abs=0.002)


def test_sizes_that_no_trend_tells_are_seen_by_the_exact_one(item) -> None:
    found = metadata_bias(mixed(item))
    assert found is not None
    assert found.exact > 0.75
    assert found.linear < found.exact
    assert (found.stronger, found.auc) == ("exact", found.exact)
    assert found.low <= found.auc <= found.high


def test_exact_values_by_hand(item) -> None:
    fitted = [item(0, form="JPEG", quality=90, size=(9, 9)) for _ in range(4)]
    fitted += [item(0, form="PNG", size=(5, 5)), item(0, form="PNG", size=(6, 6))]
    fitted += [item(1, form="PNG", size=(8, 8)) for _ in range(3)]
    held = [item(1, form="PNG", size=(8, 8)), item(0, form="JPEG", quality=90, size=(7, 7))]
    read = [one.facts for one in fitted + held]
    labels = np.array([one.label == 1 for one in fitted + held])
    seen = np.array([True] * len(fitted) + [False] * len(held))
    found = _by_values(read, labels, seen, ~seen)

    def odds(made: int, real: int, values: int) -> float:
        # (count + 1/2) / (pictures + values / 2), for 3 generated and 6 real ones
        return math.log((made + 0.5) / (3 + values / 2)) - math.log((real + 0.5) / (6 + values / 2))

    # formats: JPEG 0:4, PNG 3:2, and no rare one; sizes: 9x9 0:4, 8x8 3:0, rare 0:2; qualities: 90 0:4, none 3:2
    first = odds(3, 2, 3) + odds(3, 0, 3) + odds(3, 2, 3)
    second = odds(0, 4, 3) + odds(0, 2, 3) + odds(0, 4, 3)
    np.testing.assert_allclose(found, [first, second])


def test_nothing_to_see_is_chance(item) -> None:
    found = metadata_bias([item(number % 2, "", size=(64, 64)) for number in range(40)])
    assert found is not None
    assert (found.linear, found.exact, found.low, found.high) == (0.5, 0.5, 0.5, 0.5)


def test_each_generator_against_its_own_real_pictures(item) -> None:
    items = []
    for _ in range(12):
        items += [item(0, "a", size=(500, 333)), item(1, "a", size=(500, 333))]
        items += [item(0, "b", size=(400, 300)), item(1, "b", size=(512, 512))]
    found = metadata_bias(items)
    assert found is not None
    # Not 0.5 to the digit: what a fold holds, its classifier was not fitted to.
    assert found.generators["a"] == pytest.approx(0.5, abs=0.1)
    assert found.generators["b"] == 1.0


def test_copies_share_a_fold_and_folds_share_the_classes(item) -> None:
    items = [item(number % 2, pixels=f"{number // 6:08d}") for number in range(60)]
    read, labels = [one.facts for one in items], np.array([one.label == 1 for one in items])
    fold = _folds(read, labels, 5)
    for wanted in (False, True):
        assert np.bincount(fold[labels == wanted]).tolist() == [6] * 5
    for pixels in {one.pixels for one in read}:
        assert len({int(fold[i]) for i, one in enumerate(read) if one.pixels == pixels and labels[i]}) == 1


@pytest.mark.parametrize("labels", [[], [0, 0, 0], [0, 0, 1], [None, 1, 1, 0]])
def test_too_few_of_a_class(item, labels) -> None:
    assert metadata_bias([item(label) for label in labels]) is None


def test_unreadable_and_unknown_ones_are_left_out(item) -> None:
    items = mixed(item)
    more = [*items, item(0, error="cut"), item(None, form="GIF")]
    assert metadata_bias(more) == metadata_bias(items)


def test_a_picture_of_both_classes_tells_nothing_of_either(item) -> None:
    items = mixed(item, count=20)
    both = [item(label, size=(7, 7 + number), pixels=f"both{number}") for number in range(9) for label in (0, 1, 1)]
    assert metadata_bias([*both, *items]) == metadata_bias(items)
    assert metadata_bias(both) is None
    assert metadata_bias([*both, *items[:3]]) is None


@pytest.mark.parametrize(("pixels", "known"), [("aaaa", False), ("aaab", True), ("abab", True), ("abcd", True)])
def test_copies_of_one_picture_are_one(pixels, known, item) -> None:
    items = [item(0, pixels=f"real{number}") for number in range(4)]
    items += [item(1, pixels=name) for name in pixels]
    assert (metadata_bias(items) is not None) == known


KINDS = st.tuples(
    st.sampled_from([0, 1, None]), st.sampled_from(["", "a", "b"]), st.integers(0, 5), st.sampled_from(["JPEG", "PNG"])
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(KINDS, max_size=16))
def test_labels_and_copies_of_any_kind_have_an_audit(item, kinds) -> None:
    items = [
        item(label, name, form=form, size=(8 + pixels % 2, 8), pixels=str(pixels), hash=pixels % 3)
        for label, name, pixels, form in kinds
    ]
    found = Audit.of("folder:x", [*items, item(1, error="z.png: an empty file")])
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["pictures"] == len(items) + 1
    assert found.bias is None or 0 <= found.bias.low <= found.bias.high <= 1
