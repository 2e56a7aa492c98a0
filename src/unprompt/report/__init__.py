"""Judgements -> words, counts, and one page that shows what each verdict rests on."""

from unprompt.report.attribution import (
    AttributionExhibit,
    answer,
    answer_truth,
    answers_line,
    answers_truth_line,
    write_attribution_page,
)
from unprompt.report.exhibit import Exhibit
from unprompt.report.inventory_page import write_inventory
from unprompt.report.page import write_page
from unprompt.report.summary import Outcome, Summary, outcome
from unprompt.report.words import counts_line, headline, printable, truth_line, truth_words

__all__ = [
    "AttributionExhibit",
    "Exhibit",
    "Outcome",
    "Summary",
    "answer",
    "answer_truth",
    "answers_line",
    "answers_truth_line",
    "counts_line",
    "headline",
    "outcome",
    "printable",
    "truth_line",
    "truth_words",
    "write_attribution_page",
    "write_inventory",
    "write_page",
]
