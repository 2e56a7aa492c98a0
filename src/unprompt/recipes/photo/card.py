"""``docs/photo.md``: the card of the suite, every number of it out of ``figures.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from unprompt.perturbations.degradation import CONDITIONS
from unprompt.report.grid import Grid, markdown

Table = Mapping[str, Any]
_RULE: Final = ("before", "after")

HEAD: Final = """# The suite `photo`: a verdict on real photographs, offline

<!-- Written by `python -m unprompt.recipes.photo`; change src/unprompt/recipes/photo/card.py. -->

Two compact detectors of pixels and their panel, trained by us, for pictures that are no synthetic scenes. They use
no captions: they classify what making and storing a picture leave in its pixels.

- `traces`: {traces} statistics of the central 256 x 256 pixels (residuals, their co-occurrences and repetitions,
  spectrum, cosine coefficients, noise, colours), six small perceptrons.
- `patches`: six small convolutional networks on residuals of up to 16 patches of 128 x 128 pixels.
- `panel`: logistic stacking of both.

A picture whose longer side passes {longest} pixels is first made smaller to that; nothing else is resized. Weights:
{megabytes:.1f} MB, float16.

**What it must not be used for**: to accuse anybody, to decide alone about a person, a claim or an account; on
drawings, scans, documents, screenshots of text, medical or satellite pictures, which it does not know; on pictures
under 64 pixels. "generated" means: above a threshold that {alarms} of the real pictures of unseen collections exceeded.
"real" means less: most pictures are `inconclusive`, most generated ones too. A verdict is a hint to look closer.
"""

MADE: Final = """## How it was measured

Six folds. A fold leaves out whole families of generators **and** one to four collections of real pictures together
(`src/unprompt/recipes/photo/folds.toml`), so a generated picture is judged by nets that saw neither its generator nor
one of the same family, a real one by nets that saw nothing of its collection. The weights of the panel, the calibration
and the thresholds that judge a fold are fitted on the other folds. This is stricter than leaving out one generator
at a time; the scores of six sets of nets are pooled. The shipped heads join the nets of all folds, so that on what
they were trained on they look better than this table; **nothing below was measured on pictures that a net had
learned**. The kinds of network were chosen among a few by their figures on these folds, which flatters them a
little.

Both classes pass the same degradation pipeline in training: lossless files are first compressed as JPEG, then all
are resized, cropped, blurred and recompressed alike. `raw` = files as they are, with all that their formats
reveal; `aligned` = a prior JPEG for lossless files, then JPEG 92, for both classes; the headline is `aligned`.
Sizes are not used: native crops are seen. The other conditions: `src/unprompt/perturbations/degradation.py`.

AUC of a classifier that sees **metadata alone** (format, size, quality) on the same pictures: {metadata:.2f} as
they are, {leveled:.2f} once both classes are aligned in format and size (`unprompt audit`).
"""

TONED: Final = """### Grey and toned pictures

The suite has learned nothing of grey and toned pictures and is `inconclusive` about them, with a warning: so is every
picture whose colour follows from its lightness (`src/unprompt/images/tone.py`), naturally grey or one-coloured scenes
such as fog, pages and flames among them. Sources that no fold knows, by the shipped panel, each picture as it is and
changed, stored as JPEG 75. "before" = without that rule; the counts are generated / inconclusive / real. Among the
pictures as they are, those without any colour are left out. Not all sepia is caught once it is compressed.
"""

FROM: Final = """## What it was trained on, and under which terms

{generated} generated and {real} real pictures. {given} are those of the project's development data, most of whose
sources state no licence or a research-only one; they are not shipped. The others lie in public packages: generated
pictures of newer models in `comfyui-workflow-templates-media-image` 0.3.160 (MIT; the makers' models have terms of
their own) and `invokeai` 6.14.2 (Apache-2.0), both on PyPI, many of them thumbnails of 300 to 400 pixels;
photographs in Debian's `lomiri-wallpapers`, `lxqt-themes`, `mate-backgrounds` and `plasma-workspace-wallpapers` (CC
BY, CC BY-SA, CC0, LGPL, GPL; each package's `copyright` file). `src/unprompt/recipes/photo/extra.csv` names each file
and its digest. A third of the generated pictures are art-like and have no real counterpart.

The shipped nets of `patches` come from the first draft of this recipe, which took the same steps with other draws:
the degraded views were seeded by names of files instead of pixels, and enlarged and blurred by Pillow's own
approximations.

## The commands

```
pip download --no-deps comfyui-workflow-templates-media-image==0.3.160 invokeai==6.14.2   # into P/comfy, P/invoke
apt-get download lomiri-wallpapers-16.04 lxqt-themes mate-backgrounds plasma-workspace-wallpapers gnome-backgrounds \\
  lomiri-wallpapers-20.04 sway-backgrounds ukui-wallpapers xfdesktop4-data   # each into P/NAME by dpkg-deb -x
python -m unprompt.recipes.photo --data ../shared/data/manifest.csv --packages P --cache CACHE
```
"""


def card(figures: Table) -> str:
    """The page."""
    facts, stored = figures["facts"], figures["conditions"]
    conditions = {name: stored[name] for name in CONDITIONS if name in stored}
    real = conditions["aligned"]["real"]["accused"]
    facts = {**facts, "alarms": f"{_percent(real['value'])} (upper bound {_percent(real['high'])})"}
    tables = [_conditions(conditions), _generators(conditions), *_alarms(conditions, figures["strangers"])]
    toned = [TONED, markdown([_toned(figures["toned"])])] if "toned" in figures else []
    return "\n".join([HEAD.format(**facts), MADE.format(**facts), markdown(tables), *toned, FROM.format(**facts)])


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
        "called generated", "false alarms", "calibration error",
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
