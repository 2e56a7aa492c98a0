"""The rows of ``attribute``, counted and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from unprompt.detectors.decide import LEAST
from unprompt.generators import matching_names
from unprompt.report.summary import ERROR, Summary
from unprompt.report.words import share
from unprompt.types import NONE_OF_THESE, REAL_PICTURES, Attribution


class AttributionSummary(Summary[Attribution]):
    """Answers: a candidate's name, or none of these."""

    kind = Attribution
    answer = "made by"
    template = "attribution.html.jinja"
    rank_title = "probability of a candidate"
    outcomes: tuple[str, ...] = ()
    truths: tuple[str, ...] = ()

    def __init__(self, rows: Iterable[Attribution]) -> None:
        super().__init__(rows)
        candidates = dict.fromkeys(name for row in self.rows for name in row.scores)
        self.outcomes = (*candidates, NONE_OF_THESE, ERROR)
        self.truths = tuple(sorted({row.truth for row in self.rows if row.truth is not None}))

    @property
    def slugs(self) -> Mapping[str, str]:
        """A candidate's own name may hold anything."""
        known = {NONE_OF_THESE: "none", ERROR: "error"}
        return {name: known.get(name, f"candidate-{place}") for place, name in enumerate(self.outcomes)}

    @staticmethod
    def outcome(row: Attribution) -> str:
        return row.generator or ERROR

    @staticmethod
    def truth(row: Attribution) -> str:
        return row.truth or ""

    @staticmethod
    def headline(row: Attribution) -> str:
        """A number is the calibrated probability.

        >>> row = Attribution("a.png", "ok", generator="sd15", scores={"sd15": 0.93, "sd21": 0.2})
        >>> AttributionSummary.headline(row)
        'Probably made by sd15: 0.93'
        >>> row = Attribution("a.png", "ok", generator="none of these", scores={"sd15": 0.1, "sd21": 0.2})
        >>> AttributionSummary.headline(row)
        'None of these: neither sd15 nor sd21'
        """
        if row.generator in row.scores:
            return f"Probably made by {row.generator}: {row.scores[row.generator]:.2f}"
        if row.generator is None:
            return "Not attributed"
        if max(row.scores.values()) >= LEAST:
            return "None of these: see the warning"
        *others, last = row.scores
        return "None of these: " + (f"neither {', '.join(others)} nor {last}" if others else f"not {last}")

    @staticmethod
    def truth_words(row: Attribution) -> str:
        """The truth, and whether the answer is right.

        >>> row = Attribution("a.png", "ok", truth="flow", generator="none of these", scores={"sd15": 0.1})
        >>> AttributionSummary.truth_words(row)
        'In truth flow, no candidate: rightly answered'
        """
        if row.truth is None:
            return ""
        familiar = row.truth == REAL_PICTURES or matching_names(row.truth, row.scores) or not row.scores
        truth = f"In truth {row.truth}{'' if familiar else ', no candidate'}"
        return truth if row.generator is None else f"{truth}: {'rightly' if right(row) else 'wrongly'} answered"

    @staticmethod
    def bars(row: Attribution) -> dict[str, float]:
        """The longest first."""
        return dict(sorted(row.scores.items(), key=lambda pair: -pair[1]))

    @staticmethod
    def bars_title(row: Attribution) -> str:
        """Beside "none of these" the bars are no answer.

        >>> AttributionSummary.bars_title(Attribution("a.png", "ok", generator="none of these", scores={"sd15": 0.9}))
        'What the method would say of each if the picture were by one of these'
        """
        if row.generator == NONE_OF_THESE:
            return "What the method would say of each if the picture were by one of these"
        return "Probability of having made it"

    @staticmethod
    def rank(row: Attribution) -> float | None:
        """The highest candidate's."""
        return max(row.scores.values(), default=None)

    def truth_line(self) -> str:
        known = [right(row) for row in self.rows if row.truth is not None and row.generator is not None]
        return f"Against the truth: {share(sum(known), len(known))} rightly answered" if known else ""


def right(row: Attribution) -> bool:
    """Whether an answered row of known truth is right: real pictures and unseen generators are none of these."""
    meant = matching_names(row.truth or "", row.scores) or [NONE_OF_THESE]
    return row.generator == meant[0]
