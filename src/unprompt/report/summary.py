"""The rows of a verb, counted and in words, for its table and its page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, Generic

from unprompt.report.report_item import Row
from unprompt.report.words import TRUTHS, counted, percent, share
from unprompt.types import Attribution, Prediction

ERROR: Final = "error"
"""The outcome of a row without an answer."""


class Summary(ABC, Generic[Row]):
    """Many rows: how many there are of each outcome, and how these compare with the truth where it is known."""

    kind: ClassVar[type[Prediction] | type[Attribution]]
    answer: ClassVar[str]
    """What the column of the outcomes is called in a table."""
    template: ClassVar[str]
    """Of the page."""
    rank_title: ClassVar[str]
    """What :meth:`rank` is, in the words of a choice."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = tuple(rows)
        self.counts = Counter(map(self.outcome, self.rows))

    @property
    @abstractmethod
    def outcomes(self) -> Sequence[str]:
        """Every outcome that could be, in the order in which they are shown; the last is :data:`ERROR`."""

    @property
    @abstractmethod
    def truths(self) -> Sequence[str]:
        """Every truth that is set against the outcomes, in order."""

    @property
    def slugs(self) -> Mapping[str, str]:
        """Outcome -> its class on the page."""
        return {name: name for name in self.outcomes}

    @property
    def headings(self) -> Mapping[str, str]:
        """Outcome -> what the column of its counts is called."""
        return {name: "errors" if name == ERROR else name for name in self.outcomes}

    @staticmethod
    @abstractmethod
    def outcome(row: Row) -> str:
        """The row's answer, or :data:`ERROR` where there is none."""

    @staticmethod
    @abstractmethod
    def truth(row: Row) -> str:
        """The true answer; empty when it is not known."""

    @staticmethod
    @abstractmethod
    def headline(row: Row) -> str:
        """The answer in words."""

    @staticmethod
    @abstractmethod
    def truth_words(row: Row) -> str:
        """The truth and how the answer stands to it; empty when it is not known."""

    @staticmethod
    @abstractmethod
    def bars(row: Row) -> dict[str, float]:
        """Name -> probability, in the order in which they are drawn."""

    @staticmethod
    @abstractmethod
    def bars_title(row: Row) -> str:
        """What the bars of a card are."""

    @staticmethod
    @abstractmethod
    def rank(row: Row) -> float | None:
        """What a page may be sorted by; None = after all others."""

    @abstractmethod
    def truth_line(self) -> str:
        """One line against the truth; empty when no answered picture has a known one."""

    def counts_line(self) -> str:
        """One line over all pictures."""
        answers = ", ".join(f"{self.counts[name]} {name}" for name in self.outcomes if name != ERROR)
        return f"{counted(len(self.rows), 'picture')}: {answers}, {counted(self.counts[ERROR], 'error')}"

    def confusion(self) -> dict[str, list[int]]:
        """Truth -> number of rows of each outcome."""
        found = Counter((self.truth(row), self.outcome(row)) for row in self.rows)
        return {truth: [found[truth, name] for name in self.outcomes] for truth in self.truths}


class PredictionSummary(Summary[Prediction]):
    """Verdicts."""

    kind = Prediction
    answer = "verdict"
    template = "page.html.jinja"
    rank_title = "probability of generated"
    outcomes = ("generated", "inconclusive", "real", ERROR)
    truths = tuple(TRUTHS.values())

    @property
    def headings(self) -> Mapping[str, str]:
        return {name: name if name == ERROR else f"judged {name}" for name in self.outcomes}

    @staticmethod
    def outcome(row: Prediction) -> str:
        return row.verdict or ERROR

    @staticmethod
    def truth(row: Prediction) -> str:
        return "" if row.label is None else TRUTHS[row.label]

    @staticmethod
    def headline(row: Prediction) -> str:
        """A number is the probability of ``generated``.

        >>> PredictionSummary.headline(Prediction("a.png", "ok", verdict="generated", probability=0.93))
        'Probably generated: 93 %'
        """
        number = "" if row.probability is None else f": {percent(row.probability)}"
        words = {
            "generated": f"Probably generated{number}",
            "inconclusive": f"Inconclusive{number}",
            "real": "Probably real",  # a low number behind these words would read as a doubt
        }
        return words[row.verdict] if row.verdict else "Not judged"

    @staticmethod
    def truth_words(row: Prediction) -> str:
        """The truth, and whether the verdict is right.

        >>> PredictionSummary.truth_words(Prediction("a.png", "ok", verdict="real", label=1))
        'In truth generated: wrongly judged'
        """
        if row.label is None:
            return ""
        truth = TRUTHS[row.label]
        if row.verdict in TRUTHS.values():
            return f"In truth {truth}: {'rightly' if row.verdict == truth else 'wrongly'} judged"
        return f"In truth {truth}" + (": left open" if row.verdict else "")

    @staticmethod
    def bars(row: Prediction) -> dict[str, float]:
        """The method that gave the verdict first."""
        if row.method is None or row.probability is None:
            return dict(row.scores)
        return {row.method: row.probability} | {name: one for name, one in row.scores.items() if name != row.method}

    @staticmethod
    def bars_title(row: Prediction) -> str:
        return "Probability of generated"

    @staticmethod
    def rank(row: Prediction) -> float | None:
        return row.probability

    def truth_line(self) -> str:
        known = [(TRUTHS[row.label], row.verdict) for row in self.rows if row.label is not None and row.verdict]
        if not known:
            return ""
        decided = [truth == verdict for truth, verdict in known if verdict != "inconclusive"]
        line = f"Against the truth: {share(len(decided), len(known))} decided"
        return f"{line}, {share(sum(decided), len(decided))} of those rightly" if decided else line
