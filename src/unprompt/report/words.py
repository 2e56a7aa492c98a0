"""The words in which the page and the table speak of a verdict."""

from __future__ import annotations

from typing import Final

from unprompt.report.summary import Summary, outcome
from unprompt.types import Label, Prediction

TRUTHS: Final[dict[Label, str]] = {1: "generated", 0: "real"}


def headline(prediction: Prediction) -> str:
    """The verdict in words; a number is the probability of ``generated``.

    >>> headline(Prediction("a.png", "ok", verdict="generated", probability=0.93))
    'Probably generated: 0.93'
    """
    number = "" if prediction.probability is None else f": {prediction.probability:.2f}"
    words = {
        "generated": f"Probably generated{number}",
        "inconclusive": f"Inconclusive{number}",
        "real": "Probably real",  # a low number behind these words would read as a doubt
        "error": "Not judged",
    }
    return words[outcome(prediction)]


def truth_words(prediction: Prediction) -> str:
    """The truth and how the verdict stands to it; empty when the label is not known.

    >>> truth_words(Prediction("a.png", "ok", verdict="real", label=1))
    'In truth generated: wrongly judged'
    """
    if prediction.label is None:
        return ""
    truth = TRUTHS[prediction.label]
    came = outcome(prediction)
    if came in TRUTHS.values():
        return f"In truth {truth}: {'rightly' if came == truth else 'wrongly'} judged"
    return f"In truth {truth}" + (": left open" if came == "inconclusive" else "")


def counts_line(summary: Summary) -> str:
    """One line over all pictures."""
    return (
        f"{_counted(summary.total, 'picture')}: {summary.count('generated')} generated, "
        f"{summary.count('inconclusive')} inconclusive, {summary.count('real')} real, "
        f"{_counted(summary.count('error'), 'error')}"
    )


def truth_line(summary: Summary) -> str:
    """One line against the truth; empty when no judged picture has a known label."""
    if not summary.labelled:
        return ""
    line = f"Against the truth: {_share(summary.decided, summary.labelled)} decided"
    return f"{line}, {_share(summary.right, summary.decided)} of those rightly" if summary.decided else line


def printable(text: str) -> str:
    r"""``text`` with every character that could steer a terminal or turn the reading direction spelled out.

    >>> print(printable("a\x1b[2J\u202e.png"))
    a\x1b[2J\u202e.png
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.0%})"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
