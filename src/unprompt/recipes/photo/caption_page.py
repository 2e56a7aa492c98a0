"""``docs/photo-captions.md``: what reading a photograph is worth, written from the figures of two recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from unprompt.recipes.photo.alignment import ALL, PAIRS

MEASURES: Final = {
    "cosine": "cosine of picture and caption (higher = nearer)",
    "tidy": "length of TIDY's |I - T| (higher = farther)",
    "item": "length of ITEM's I/|I| - T/|T| (higher = farther)",
}
HEAD: Final = """\
# Photographs: what captions tell

The suite `photo` reads a photograph by three small parts of our own on two frozen towers that `unprompt fetch photo`
brings: linear maps that make one space of CLIP's pictures and MiniLM's texts, a captioner that reads that space and the
tower's patch tokens, and a grounder that looks for a phrase among the places of the picture. TIDY and ITEM run
on them (`--suite photo --method tidy`), and UnivFD on CLIP's own embedding; DE-FAKE's head was measured, and is not
shipped for its size. The suite's panel fuses UnivFD ([photo.md](photo.md)) and does without the others; a
report shows the caption and its objects beside the verdict, and says so.
SARE and SemGIR want a diffusion, which it has not: a small one that we let learn from photographs tells their layers
nothing that the picture does not ([photo-diffusion.md](photo-diffusion.md)).

All figures here are written by `python -m unprompt.recipes.captions` and
`python -m unprompt.recipes.photo.caption_methods`.
"""
TAIL: Final = """\
## The commands

```
unprompt fetch photo
python -m unprompt.recipes.captions --captioned ../shared/data2/captioned/captions.jsonl \\
  --texts ../shared/data2/captioned/*_text_only.json.gz
python -m unprompt.recipes.photo.caption_methods --packages P \\
  --captioned ../shared/data2/captioned/captions.jsonl \\
  --data ../shared/data/manifest.csv ../shared/data2/manifest.csv
```

Both go on where a run ended. The captioned pictures and the captions are not shipped; most of them are for research.
"""


def page(captions: Mapping[str, Any], methods: Mapping[str, Any]) -> str:
    """The whole page, from ``captions.json`` and ``captioning.json``."""
    parts = (HEAD, *_encoder(captions), *_captioner(captions), *_methods(methods), *_alignment(methods), TAIL)
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def _encoder(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## The encoder: pictures and texts in one space"
    yield (
        f"On {found['held_out']} captioned pictures that nothing was learned from: how often a picture's nearest"
        " caption is one of its own, or one of the five nearest is, among all captions of the set; and how often a"
        " caption's nearest picture is its own."
    )
    shares = ("caption_first", "caption_in_five", "picture_first")
    rows = [
        [name, one["pictures"], one["captions"], *(f"{one[key]:.2f}" for key in shares)]
        for name, one in found["retrieval"].items()
    ]
    yield _table(["set", "pictures", "captions", "caption first", "caption in five", "picture first"], rows)
    point = found["pointing"]
    yield (
        f"The grounder, on mosaics of four held-out pictures each: of {point['phrases']} phrases that one of the four"
        f" is described by, {point['found']:.0%} are found, and the middle of the box lies in that picture for"
        f" {point['right']:.0%} of these (by chance: 25 %). Of phrases that describe other pictures,"
        f" {point['absent']:.0%} are found too. No public set of boxes was at hand."
    )


def _captioner(found: Mapping[str, Any]) -> Iterator[str]:
    told = found["captioner"]
    yield "## The captioner"
    yield (
        f"Does a caption find its picture among {told['all']['among']}, by the encoder above? Of ours"
        f" {told['all']['first']:.2f} come first, on pictures with whole sentences {told['sentences']['first']:.2f}"
        f" (among {told['sentences']['among']}); of the first human caption {told['human']['first']:.2f}. The encoder"
        " that judges is the one that the captioner reads, which flatters ours."
    )
    yield "What it says of photographs that scikit-image bundles:"
    yield _table(["photograph", "caption"], told["samples"])


def _methods(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## The methods on photographs, and what each adds"
    yield (
        f"{found['pictures']} pictures, aligned (all through the same JPEG; sizes are not aligned), whole families of"
        " generators and collections left out together; AUC and the true-positive rate at 3 % false positives are means"
        f" over generators, with intervals at 95 %. {found['grounded']:.0%} of the captions have an object that was"
        f" found. The last two columns are the panel of {' and '.join(found['members'])} with this method as a further"
        " member."
    )
    alone = {key: found["methods"]["panel"]["macro"][key]["value"] for key in ("auc", "tpr_at_3")}
    rows = []
    for name, one in found["methods"].items():
        added = one.get("added", alone)
        curves = [_around(one["macro"][key]) for key in ("auc", "tpr_at_3")]
        called = [f"{one[key]['value']:.1%}" for key in ("accused", "alarms")]
        rows.append([name, *curves, *called, f"{added['auc']:.3f}", f"{added['tpr_at_3']:.3f}"])
    columns = ["method", "AUC", "TPR at 3 %", "called generated", "false alarms", "panel's AUC", "panel's TPR at 3 %"]
    yield _table(columns, rows)


def _alignment(found: Mapping[str, Any]) -> Iterator[str]:
    yield "## Do generated photographs align less with their captions?"
    yield (
        "TIDY (figure 1b) and ITEM (abstract) say so. Each generator's mean less the mean of real photographs of the"
        " same content (photographs, faces), in units of the real ones' standard deviation, with an interval at 95 %;"
        " every collection of real ones weighs alike. What a picture shows moves this more than who made it: the mean"
        f" cosine of real collections runs from {_ends(found['alignment']['cosine']['collections'])}, for the captioner"
        " knows some subjects and not others."
        f"{_paired(found['alignment']['cosine']['more'])}"
    )
    for name, what in MEASURES.items():
        table = found["alignment"][name]
        signs = [_sign(one) for generator, one in table["more"].items() if generator != ALL]
        yield (
            f"**{what}**: {signs.count('+')} generators clearly higher than real photographs, {signs.count('-')}"
            f" clearly lower, {signs.count('')} undecided; all generators alike:"
            f" {_around(_scaled(table['more'][ALL], table['deviation']))}."
        )
    table = found["alignment"]["cosine"]
    ordered = sorted(table["more"].items(), key=lambda row: row[1]["value"])
    rows = [[name, one["n"], _around(_scaled(one, table["deviation"]))] for name, one in ordered if name != ALL]
    yield _table(["generator", "pictures", "cosine, more than real"], rows)


def _paired(more: Mapping[str, Any]) -> str:
    """The generators that have real pictures of the very same things to be held against."""
    return "".join(
        f" {name} alone is held against real pictures of the very same things ({', '.join(PAIRS[name])}), and aligns"
        f" {'more' if more[name]['value'] > 0 else 'less'} than these."
        for name in PAIRS
        if name in more
    )


def _ends(means: Mapping[str, float]) -> str:
    """The least and the highest of some means, with their names."""
    (low, least), *_, (high, most) = sorted((value, name) for name, value in means.items())
    return f"{low:.2f} ({least}) to {high:.2f} ({most})"


def _scaled(one: Mapping[str, float], unit: float) -> dict[str, float]:
    return {key: one[key] / unit for key in ("value", "low", "high")}


def _sign(one: Mapping[str, float]) -> str:
    """Of an interval that leaves out 0."""
    return "+" if one["low"] > 0 else "-" if one["high"] < 0 else ""


def _around(one: Mapping[str, float]) -> str:
    return f"{one['value']:.2f} ({one['low']:.2f} to {one['high']:.2f})"


def _table(columns: list[str], rows: list[list[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
