"""The card of a head for the hub: what it learned from, what was measured, what it promises and what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from huggingface_hub import EvalResult, ModelCardData

from unprompt.detectors.checkpoint import Header
from unprompt.evaluation import Result
from unprompt.report.grid import Grid, markdown
from unprompt.report.results import listing
from unprompt.report.words import views

HUB_METRICS: Final = {"auc": "roc_auc", "ap": "average_precision"}
"""Our names of metrics -> the hub's; others are alike."""
POOLED: Final = "pooled"
DECODING: Final = (
    "Pictures are told by their content, decoded to upright 8-bit RGB (16 bits keep their high byte), transparency is "
    "laid over white, and the first frame of a film is taken. Each model then sizes and normalises as its own card "
    "says; nothing is compressed again."
)
ANSWERS: Final = ("real", "generated")
"""Of a detector, by label."""
LIMITS: Final = (
    "A score means something for pictures of the kind that this head was trained and calibrated on. Another generator, "
    "another collection of real pictures, another size, format or compression can move it to where it means nothing.",
    "The thresholds promise rates on validation pictures, not on yours, and no verdict on one picture is a proof: "
    "do not let it decide about a person.",
    "It works with exactly the instruments above; with others it is refused at loading.",
)


@dataclass(frozen=True)
class CardRow:
    """One frozen model that the head's score depends on."""

    role: str
    model: str
    revision: str
    licence: str
    digest: str


@dataclass(frozen=True)
class HeadCard:
    """The contents of the card."""

    header: Header
    about: str
    """What the method is, in a paragraph."""
    suite: str
    suite_title: str
    fake: bool
    """The suite's weights are random."""
    parts: tuple[CardRow, ...]
    answers: tuple[str, ...]
    """What it says of a picture: real and generated, or the candidates of attribution and none of these."""
    licence: str | None
    """Of the head's own weights; None = not stated."""
    data: str
    """What the pictures were, in the words of who publishes; empty = not said."""
    results: tuple[Result, ...]
    """What ``evaluate`` measured; () = only the figures of validation that the head carries."""

    def to_markdown(self) -> str:
        """The whole README.md: YAML between two rules, then the text."""
        return f"---\n{self._metadata().to_yaml()}\n---\n\n" + "\n\n".join(self._sections()) + "\n"

    def _metadata(self) -> ModelCardData:
        name = f"{self.header.method}-{self.suite}"
        evaluated = self._eval_results()
        return ModelCardData(
            license=self.licence,
            library_name="unprompt",
            pipeline_tag="image-classification",
            tags=["unprompt", self.header.method, "ai-generated-image-detection"],
            metrics=sorted({one.metric_type for one in evaluated}),
            base_model=sorted({part.model for part in self.parts if "/" in part.model}) or None,
            model_name=name if evaluated else None,
            eval_results=evaluated or None,
        )

    def _eval_results(self) -> list[EvalResult]:
        """The figures over all generators, for the hub's own display; of validation where there is no evaluation."""
        if self.results:
            plain = [one for one in self.results if one.generator == POOLED and not one.perturbation]
            return [_result(one.metric, one.value, one.split, self.data) for one in plain if one.value == one.value]
        figures = self.header.figures
        names = [name for name in ("auc", "ap", "accuracy") if name in figures]
        return [_result(name, figures[name], str(figures.get("data", "validation")), self.data) for name in names]

    def _sections(self) -> Iterator[str]:
        yield f"# {self.header.method} on the suite {self.suite}"
        if self.fake:
            yield "**The suite's weights are random: this head is for tests of plumbing and means nothing.**"
        yield self.about
        yield self._meaning()
        yield _USE.format(suite=self.suite)
        yield self._data()
        yield "## Metrics\n\n" + self._metrics()
        yield f"## Preprocessing\n\n{DECODING}\n\n" + _table("Options", ("option", "value"), _flat(self.header.options))
        yield "## Thresholds and calibration\n\n" + "\n".join(f"- {line}" for line in self._promises())
        yield self._instruments()
        yield "## Limits\n\n" + "\n".join(f"- {line}" for line in LIMITS)
        stated = f"The head's weights: {self.licence}." if self.licence else "The head's licence is not stated."
        yield f"## Licence\n\n{stated} The instruments are not part of it and bear their own licences, as listed above."

    def _meaning(self) -> str:
        if self.answers == ANSWERS:
            return "Label 1 is generated, label 0 real; a higher score is more likely generated."
        return (
            f"Its answers are {', '.join(self.answers)}. Each generator has a score of its own, higher = more likely "
            "made by it."
        )

    def _data(self) -> str:
        rows = [*_flat(self.header.training), *_flat(_plain(self.header.figures), "validation: ")]
        words = self.data or "Whoever published this head did not say what the pictures were."
        return f"## Data\n\n{words}\n\n" + _table("Training and validation", ("fact", "value"), rows)

    def _metrics(self) -> str:
        if self.results:
            return markdown([listing(self.results)])
        rows = [(name, f"{value:.3f}") for name, value in self.header.figures.items() if isinstance(value, float)]
        return "On the validation pictures, without intervals.\n\n" + _table("Figures", ("metric", "value"), rows)

    def _promises(self) -> Iterator[str]:
        held = self.header.thresholds
        if held:
            whose = "new pictures of the same kind (conformal)" if held.get("conformal") else "the validation pictures"
            yield (
                f"Above {held['upper']:.3f} = generated: at most {100 * held['fpr']:g} % of real ones, of {whose} "
                f"({views(held['n_real'], self.header.figures.get('n_real'))} real)."
            )
            yield (
                f"Below {held['lower']:.3f} = real: at most {100 * held['fnr']:g} % of generated ones, of {whose} "
                f"({views(held['n_generated'], self.header.figures.get('n_generated'))} generated)."
            )
            yield "Between the two = inconclusive."
        else:
            yield "No thresholds."
        if self.header.calibration:
            yield f"Calibration, at prior 0.5: `{_short(self.header.calibration)}`."
        else:
            yield "No calibration."

    def _instruments(self) -> str:
        rows = [(one.role, one.model, one.revision, one.licence or "not stated", one.digest) for one in self.parts]
        rows += [(f"member {one['method']}", one["file"], "", "", one["digest"]) for one in self.header.members]
        header = ("role", "model", "revision", "licence", "SHA-256")
        title = f"Suite {self.suite}" + (f": {self.suite_title}" if self.suite_title else "")
        return "## Instruments\n\n" + _table(title, header, rows)


_USE: Final = """```python
import unprompt

head = unprompt.from_pretrained("OWNER/NAME")  # or the folder of these files; the suite is {suite}
```"""


def _result(metric: str, value: float, split: str, data: str) -> EvalResult:
    return EvalResult(
        task_type="image-classification",
        dataset_type="images",
        dataset_name=data or "not named",
        dataset_split=split,
        metric_type=HUB_METRICS.get(metric, metric),
        metric_value=round(value, 6),
    )


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Counts and names; the numbers stand under Metrics, and that they are of validation is said before each."""
    return {name: value for name, value in figures.items() if not isinstance(value, float) and name != "data"}


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """A line for each entry, as ``semantic.hidden`` for one inside another."""
    lines: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            lines += _flat(value, f"{before}{name}.")
        else:
            lines.append((before + name, value if isinstance(value, str) else json.dumps(value)))
    return lines


def _table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return markdown([Grid(title, header, tuple(rows), labels=len(header))]).strip() if rows else f"{title}: none told."


def _short(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 300 else f"{text[:300]} ..."
