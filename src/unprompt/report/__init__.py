"""Judgements -> words, counts, and one page that shows what each verdict rests on; figures -> tables and files."""

from unprompt.report.attribution import (
    AttributionItem,
    answer,
    answer_truth,
    answers_line,
    answers_truth_line,
    write_attribution_page,
)
from unprompt.report.audit_page import write_inventory
from unprompt.report.grid import Grid, render
from unprompt.report.page import write_page
from unprompt.report.paper_table import paper_grids
from unprompt.report.report_item import ReportItem
from unprompt.report.results import check_suffix, differences, listing, pivot, write_results, write_rows
from unprompt.report.summary import Outcome, Summary, outcome
from unprompt.report.words import counts_line, headline, printable, truth_line, truth_words

__all__ = [
    "AttributionItem",
    "Grid",
    "Outcome",
    "ReportItem",
    "Summary",
    "answer",
    "answer_truth",
    "answers_line",
    "answers_truth_line",
    "check_suffix",
    "counts_line",
    "differences",
    "headline",
    "listing",
    "outcome",
    "paper_grids",
    "pivot",
    "printable",
    "render",
    "truth_line",
    "truth_words",
    "write_attribution_page",
    "write_inventory",
    "write_page",
    "write_results",
    "write_rows",
]
