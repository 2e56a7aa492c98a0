"""Parts of the page of the service, as HTML with their pictures in them; they need the page's own styles."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from unprompt import images
from unprompt.provenance import ProvenanceNote
from unprompt.report.attribution import AttributionSummary
from unprompt.report.page import template
from unprompt.report.page_card import PageCard, StoredFigure, outcomes_of, page_card, stored_figure
from unprompt.report.report_item import Illustration, ReportItem, Row
from unprompt.report.summary import Summary
from unprompt.types import Attribution


def card_html(item: ReportItem[Row], kind: type[Summary[Row]], name: str, provenance: Sequence[ProvenanceNote]) -> str:
    """One card; ``name`` is its own on the page."""
    card = _card(item, kind, name, provenance)
    return template("card.html.jinja").render(card=card)


def attribution_html(item: ReportItem[Attribution], name: str) -> str:
    """The section of a card that tells which generator made its picture, with what each candidate drew."""
    card = _card(item, AttributionSummary, name, None)
    return template("attribution_section.html.jinja").render(card=card)


def _card(
    item: ReportItem[Row], kind: type[Summary[Row]], name: str, provenance: Sequence[ProvenanceNote] | None
) -> PageCard:
    summary = kind([item.row])
    return page_card(summary, outcomes_of(summary), name, item, tuple(map(_inline, item.figures)), provenance)


def _inline(figure: Illustration) -> StoredFigure:
    return stored_figure(f"data:image/png;base64,{b64encode(images.encode_png(figure.rgb)).decode()}", figure)
