"""What the grounder is taught, and how it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import CLIPImageProcessorPil, CLIPProcessor

from unprompt.instruments.base import Grounder
from unprompt.instruments.cards import Origin
from unprompt.instruments.owlv2 import Owlv2Grounder
from unprompt.instruments.phrases import noun_phrases
from unprompt.recipes.miniature import encoder, grounder
from unprompt.recipes.miniature.grounding_targets import GroundingTargets, overlap, truth
from unprompt.recipes.miniature.stage import BuildContext
from unprompt.recipes.miniature.words import clip_tokenizer
from unprompt.scenes.corpus import HELD_OUT_SEEDS, INSTRUMENT_SEEDS, Corpus, corpus
from unprompt.scenes.render import render
from unprompt.scenes.scene import Scene
from unprompt.types import Box

COUNT = 64


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus(tmp_path_factory.mktemp("corpus"), INSTRUMENT_SEEDS, COUNT, workers=1)


@pytest.fixture(scope="module")
def lessons(scenes: Corpus) -> GroundingTargets:
    return GroundingTargets.of(scenes, INSTRUMENT_SEEDS)


def iou(left: Sequence[float], right: Sequence[float]) -> tuple[float, float]:
    """Intersection over union and the generalised one, counted by hand."""
    wide = min(left[2], right[2]) - max(left[0], right[0])
    high = min(left[3], right[3]) - max(left[1], right[1])
    inner = max(wide, 0) * max(high, 0)
    union = sum((one[2] - one[0]) * (one[3] - one[1]) for one in (left, right)) - inner
    hull = (max(left[2], right[2]) - min(left[0], right[0])) * (max(left[3], right[3]) - min(left[1], right[1]))
    return inner / union, inner / union - (hull - union) / hull


places = st.integers(0, 20).map(lambda step: step / 20)
box = st.tuples(places, places, st.integers(1, 20), st.integers(1, 20)).map(
    lambda one: (one[0], one[1], one[0] + one[2] / 20, one[1] + one[3] / 20)
)


@given(box, box)
def test_overlap(left: tuple[float, ...], right: tuple[float, ...]) -> None:
    plain, generalised = (
        float(overlap(torch.tensor([left]), torch.tensor([right]), generalised=kind)) for kind in (False, True)
    )
    assert (plain, generalised) == pytest.approx(iou(left, right), abs=1e-5)
    assert float(overlap(torch.tensor([left]), torch.tensor([left]))) == pytest.approx(1, abs=1e-6)
    assert -1 < generalised <= plain + 1e-6 <= 1 + 2e-6


@pytest.mark.parametrize("seed", range(12))
def test_truth_is_where_the_things_are_drawn(seed: int) -> None:
    scene = Scene.sample(seed)
    known = truth(scene)
    named = [phrase for phrase in noun_phrases(scene.caption) if phrase in known]
    assert named == list(scene.phrases)
    assert [phrase for phrase in noun_phrases(scene.long_caption) if phrase in known] == list(known)[len(named) :]
    for phrase, drawn in zip(scene.phrases, render(scene, 64).boxes / 64, strict=True):
        assert iou(known[phrase].tolist(), drawn.tolist())[0] > 0.75


def test_each_cell_near_a_thing_is_taught_its_names_and_its_box(lessons: GroundingTargets) -> None:
    indices = np.arange(COUNT)
    there, names, edges = lessons.on_cells(indices, 8)
    assert names.shape == (COUNT, 64, len(lessons.phrases))
    for row in range(COUNT):
        known = truth(Scene.sample(INSTRUMENT_SEEDS + row))
        for cell in range(64):
            x, y = (cell % 8 + 0.5) / 8, (cell // 8 + 0.5) / 8
            apart = {
                phrase: max(abs((one[0] + one[2]) / 2 - x), abs((one[1] + one[3]) / 2 - y)) * 8
                for phrase, one in known.items()
            }
            least = min(apart.values())
            assert bool(there[row, cell]) == (least < 1)
            found = [lessons.phrases[i] for i in names[row, cell].nonzero()[:, 0].tolist()]
            nearest = {phrase for phrase in found if phrase in known}
            assert len(nearest) == (2 if least < 1 else 0)  # the short and the long name of one thing
            for phrase in nearest:
                assert apart[phrase] == pytest.approx(least, abs=1e-5)
                np.testing.assert_array_equal(edges[row, cell], known[phrase])
            ends = {tuple(phrase.split()[-2:]) for phrase in nearest}
            assert set(found) == {phrase for phrase in lessons.phrases if tuple(phrase.split()[-2:]) in ends}


def test_floors_are_asked_for_and_never_there(lessons: GroundingTargets) -> None:
    floors = [place for place, phrase in enumerate(lessons.phrases) if phrase in ("wood", "sand", "grass")]
    assert len(floors) == 3
    assert not lessons.on_cells(np.arange(COUNT), 8)[1][..., floors].any()


def test_the_loss_is_least_for_the_truth_and_best_boxes_score_best(scenes: Corpus, lessons: GroundingTargets) -> None:
    wanted = lessons.on_cells(np.arange(4), 8)
    there, names, edges = wanted

    def loss(shift: float, sure: float) -> float:
        boxes = torch.cat([(edges[..., :2] + edges[..., 2:]) / 2 + shift, edges[..., 2:] - edges[..., :2]], -1)
        said = SimpleNamespace(
            image_embedder=lambda pixels: (pixels, None),
            class_predictor=lambda cells, queries: ((names * 2 - 1) * sure, None),
            box_predictor=lambda cells, grid: boxes.nan_to_num(0.5),
            objectness_predictor=lambda cells: (there * 2 - 1.0) * sure,
        )
        return float(grounder.loss_of(said, torch.zeros(4, 8, 8, 3), torch.zeros(1, 3), wanted))

    assert loss(0, 12) < 1e-3
    assert loss(0.02, 12) > loss(0, 12) + 0.1
    assert loss(0.1, 2) < loss(0.1, 12)  # whose box lies badly is not to be sure


def test_the_focal_loss_is_lins() -> None:
    logits, wanted = torch.tensor([[1.5, -2.0], [0.3, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    expected = 0.0
    for logit, want in zip(logits.flatten().tolist(), wanted.flatten().tolist(), strict=True):
        p = 1 / (1 + np.exp(-logit))
        p = p if want else 1 - p
        expected -= (1 - p) ** 2 * np.log(p)
    assert float(grounder.focal(logits, wanted)) == pytest.approx(expected, rel=1e-5)


class Knowing(Grounder):
    """Says the truth, moved aside by ``step``, of whatever it is asked."""

    threshold = 0.35

    def __init__(self, first: int, step: float) -> None:
        self.first, self.step = first, step

    def ground(self, pictures: Any, phrases: Any) -> list[tuple[Box, ...]]:
        scenes = [truth(Scene.sample(self.first + row)) for row in range(len(pictures))]
        return [
            tuple(
                Box(one, *(known[one] + np.float32([self.step, 0, self.step, 0])), 0.9) for one in asked if one in known
            )
            for known, asked in zip(scenes, phrases, strict=True)
        ]

    def _search(self, picture: Any, phrases: Any) -> Any: ...


def test_recall_counts_the_boxes_that_lie_right(scenes: Corpus) -> None:
    known = [truth(Scene.sample(INSTRUMENT_SEEDS + row)) for row in range(COUNT)]
    assert grounder.recall(Knowing(0, 0.0), scenes, known, scenes.captions) == 1
    assert grounder.recall(Knowing(0, 0.5), scenes, known, scenes.captions) == 0
    moved = grounder.recall(Knowing(0, 0.1), scenes, known, scenes.captions)
    boxes = [one for here in known for one in list(here.values())[: len(here) // 2]]
    expected = [iou(one.tolist(), np.add(one, (0.1, 0, 0.1, 0)).tolist())[0] >= 0.5 for one in boxes]
    assert moved == pytest.approx(np.mean(expected))
    assert 0 < moved < 1
    figures = grounder.measure(Knowing(0, 0.0), scenes, INSTRUMENT_SEEDS)
    assert figures == {"recall_short": 1, "recall_long": 1, "astray": 0}


def test_the_stage_trains_the_heads_and_saves_nothing_of_the_trunk(
    scenes: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = BuildContext(tmp_path, quick=True)
    tokenizer = clip_tokenizer(scenes.captions + scenes.long_captions)
    torch.manual_seed(0)
    clip = encoder.build(tokenizer)
    clip.save_pretrained(context.model("encoder"))
    images = CLIPImageProcessorPil(image_mean=[0.5] * 3, image_std=[0.5] * 3)
    CLIPProcessor(images, tokenizer).save_pretrained(context.model("encoder"))
    held_out = corpus(tmp_path / "corpus", HELD_OUT_SEEDS, 3, workers=1)
    monkeypatch.setattr(BuildContext, "scenes", lambda self: scenes)
    monkeypatch.setattr(BuildContext, "held_out", lambda self: held_out)
    monkeypatch.setattr(BuildContext, "steps", lambda self, full: 2)
    figures = grounder.make(context)
    assert set(figures) == {"recall_short", "recall_long", "astray"}
    own = load_file(context.model("grounder") / "model.safetensors")
    towers = {name.split(".")[0] for name in own}
    assert towers == {"owlv2", "layer_norm", "class_head", "box_head", "objectness_head"}
    depth = clip.config.vision_config.num_hidden_layers
    layers = {name.split("layers.")[1].split(".")[0] for name in own if "layers." in name}
    assert layers == {str(layer) for layer in range(depth - grounder.LAYERS, depth)}
    assert not [name for name in own if "text" in name or "embeddings" in name or "projection" in name]
    made = Owlv2Grounder(Origin(context.model("grounder")), trunk="encoder")
    before = grounder.build(clip)
    changed = {name for name, tensor in own.items() if not torch.equal(tensor, before.state_dict()[name])}
    assert changed == set(own)
    assert made.ground([scenes.photographs[0]], [["a red ball"]]) == [()]  # of two steps nothing is learned
