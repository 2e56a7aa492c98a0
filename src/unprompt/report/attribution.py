"""The page of ``attribute``: each picture, what every candidate draws of its caption, and the answer in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from unprompt.detectors.decide import LEAST
from unprompt.evaluation import REAL_PICTURES
from unprompt.report.page import LONGEST, TITLES, Figure, facts, figure, template, written
from unprompt.types import NONE_OF_THESE, RGB, Attribution

ERROR: Final = "error"


@dataclass(frozen=True, eq=False)
class AttributionItem:
    """An attribution with the pictures that explain it; without any after an error."""

    attribution: Attribution
    picture: RGB | None = None
    regenerations: Mapping[str, RGB] = field(default_factory=dict)
    """Candidate -> what it draws of the caption."""


@dataclass(frozen=True)
class _AttributionCard:
    number: int
    prediction: Attribution
    outcome: str
    headline: str
    truth: str
    facts: str
    figures: tuple[Figure, ...]
    bars: dict[str, float]


def answer(attribution: Attribution) -> str:
    """A candidate's name, none of these, or ``error`` where there is no answer."""
    return attribution.generator or ERROR


def right_answer(attribution: Attribution) -> str | None:
    """What the answer should be: a real picture and an outsider are none of these; None when nobody knows."""
    if attribution.truth is None:
        return None
    return attribution.truth if attribution.truth in attribution.scores else NONE_OF_THESE


def answer_words(attribution: Attribution) -> str:
    """The answer in words; a number is the calibrated probability.

    >>> answer_words(Attribution("a.png", "ok", generator="sd15", scores={"sd15": 0.93, "sd21": 0.2}))
    'Probably made by sd15: 0.93'
    >>> answer_words(Attribution("a.png", "ok", generator="none of these", scores={"sd15": 0.1, "sd21": 0.2}))
    'None of these: neither sd15 nor sd21'
    """
    scores = attribution.scores
    if attribution.generator in scores:
        return f"Probably made by {attribution.generator}: {scores[attribution.generator]:.2f}"
    if attribution.generator is None:
        return "Not attributed"
    if max(scores.values()) >= LEAST:
        return "None of these, whatever the bars say: see the warning"
    *others, last = scores
    return "None of these: " + (f"neither {', '.join(others)} nor {last}" if others else f"not {last}")


def answer_truth(attribution: Attribution) -> str:
    """The truth and how the answer stands to it; empty when it is not known.

    >>> answer_truth(Attribution("a.png", "ok", truth="flow", generator="none of these", scores={"sd15": 0.1}))
    'In truth flow, no candidate: rightly answered'
    """
    if attribution.truth is None:
        return ""
    familiar = attribution.truth in (REAL_PICTURES, *attribution.scores) or not attribution.scores
    told = f"In truth {attribution.truth}{'' if familiar else ', no candidate'}"
    if attribution.generator is None:
        return told
    return f"{told}: {'rightly' if attribution.generator == right_answer(attribution) else 'wrongly'} answered"


def answers_line(attributions: Sequence[Attribution]) -> str:
    """One line over all pictures."""
    counts = Counter(answer(one) for one in attributions)
    told = ", ".join(f"{counts[name]} {name}" for name in _columns(attributions) if name != ERROR)
    total, errors = len(attributions), counts[ERROR]
    return f"{total} picture{'' if total == 1 else 's'}: {told}, {errors} error{'' if errors == 1 else 's'}"


def answers_truth_line(attributions: Sequence[Attribution]) -> str:
    """One line against the truth; empty when no answered picture has a known one."""
    known = [one for one in attributions if one.truth is not None and one.generator is not None]
    if not known:
        return ""
    right = sum(one.generator == right_answer(one) for one in known)
    return f"Against the truth: {right} of {len(known)} ({right / len(known):.0%}) rightly answered"


def write_attribution_page(folder: Path, exhibits: Sequence[AttributionItem], title: str) -> Path:
    """``folder/index.html`` and ``folder/pictures/NNN-*.png``; the page's path."""
    rows = [exhibit.attribution for exhibit in exhibits]
    slugs = {name: _slug(place, name) for place, name in enumerate(_columns(rows))}
    counts = Counter(slugs[answer(row)] for row in rows)
    confusion = {
        truth: Counter(slugs[answer(row)] for row in rows if row.truth == truth)
        for truth in sorted({row.truth for row in rows if row.truth is not None})
    }

    def render() -> str:
        return template("attribution.html.jinja").render(
            cards=[_card(folder, number, exhibit, slugs) for number, exhibit in enumerate(exhibits, 1)],
            title=title,
            total=len(rows),
            outcomes={slug: "errors" if name == ERROR else name for name, slug in slugs.items()},
            signs={slug: {"none": "○", "error": "✕"}.get(slug, "◆") for slug in slugs.values()},
            counts=counts,
            confusion=confusion,
            truth_line=answers_truth_line(rows),
            longest=LONGEST,
        )

    return written(folder, render)


def _columns(attributions: Sequence[Attribution]) -> list[str]:
    """Every answer that could be given: the candidates in their order, none of these, error."""
    candidates = dict.fromkeys(name for one in attributions for name in one.scores)
    return [*candidates, NONE_OF_THESE, ERROR]


def _slug(place: int, name: str) -> str:
    """A class name for the page: a candidate's own name may hold anything."""
    return {NONE_OF_THESE: "none", ERROR: "error"}.get(name, f"candidate-{place}")


def _card(folder: Path, number: int, exhibit: AttributionItem, slugs: Mapping[str, str]) -> _AttributionCard:
    told = exhibit.attribution
    figures = (
        [figure(folder, number, "picture", exhibit.picture, TITLES["picture"])] if exhibit.picture is not None else []
    )
    for place, (name, rgb) in enumerate(exhibit.regenerations.items(), 1):
        figures.append(figure(folder, number, f"candidate-{place}", rgb, f"Drawn by {name}, from the caption alone"))
    return _AttributionCard(
        number=number,
        prediction=told,
        outcome=slugs[answer(told)],
        headline=answer_words(told),
        truth=answer_truth(told),
        facts=facts(told),
        figures=tuple(figures),
        bars=dict(sorted(told.scores.items(), key=lambda pair: -pair[1])),
    )
