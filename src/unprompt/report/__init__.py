"""Judgements -> words, counts, and one page that shows what each verdict rests on."""

from unprompt.report.exhibit import Exhibit
from unprompt.report.inventory_page import write_inventory
from unprompt.report.page import write_page
from unprompt.report.summary import Outcome, Summary, outcome
from unprompt.report.words import counts_line, headline, printable, truth_line, truth_words

__all__ = [
    "Exhibit",
    "Outcome",
    "Summary",
    "counts_line",
    "headline",
    "outcome",
    "printable",
    "truth_line",
    "truth_words",
    "write_inventory",
    "write_page",
]
