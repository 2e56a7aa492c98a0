"""The cells of a table: a row, a seed and a perturbation each. What is stored is not made again for any table."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from unprompt.detectors import ATTRIBUTORS, EVERY
from unprompt.detectors.base import Model
from unprompt.errors import SuiteError
from unprompt.evaluation import HeadScores, RecipeRow, TableRecipe, fit_thresholds
from unprompt.generators import canonical_name
from unprompt.instruments import Manifest, Suite
from unprompt.instruments.specs import MethodTable, Spec
from unprompt.instruments.suite_file import to_toml
from unprompt.perturbations import Chain
from unprompt.store import Place, Store, fingerprint, write_aside
from unprompt.types import REAL, Sample, Split
from unprompt.workflows.data.perturbed import perturbed_store
from unprompt.workflows.extract import extract
from unprompt.workflows.laboratory.scoring import Head, by_any, open_head, read_scores, scores_of, write_scores
from unprompt.workflows.laboratory.stacking import stacked, stacked_by_fold
from unprompt.workflows.planning.recipes import RecipeSamples
from unprompt.workflows.train import train

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bench:
    """Where cells are made and kept: a folder of one selection of pictures, for all tables that take it."""

    folder: Path
    selection: RecipeSamples
    suite: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of every method that knows them, above a row's own."""
    device: str = "cpu"
    dtype: str = "float32"
    max_minutes: float | None = 5.0
    learning: Mapping[str, Any] = field(default_factory=lambda: {"precision": "32"})
    """Further arguments of ``train``: ``precision`` alone moves a head, ``devices`` is of ``extract`` too."""

    def models(self, row: RecipeRow) -> Mapping[str, object]:
        """What the scores of the row's heads rest on, beside the pictures."""
        asked = tuple(one.generator for one in self.selection.candidates)
        return HeadCell(self, row, 0, asked if row.method in ATTRIBUTORS else ()).models

    def views(self, recipe: TableRecipe, row: RecipeRow, seed: int) -> Iterator[tuple[str, dict[str, HeadScores]]]:
        """Each perturbation of the table, nothing first, with what the row's heads say of the test pictures.

        Of a row that leaves generators out, for each of them.
        """
        views = self._stacked_views if row.stack else self._own_views
        for without in self.selection.left_out(row):
            threshold = self._threshold(recipe, row, seed, without) if recipe.fpr else 0.5
            for chain, found in views(recipe, row, seed, without):
                yield chain, {name: replace(one, only=without, threshold=threshold) for name, one in found.items()}

    def _own_views(
        self, recipe: TableRecipe, row: RecipeRow, seed: int, without: str
    ) -> Iterator[tuple[str, dict[str, HeadScores]]]:
        asked = [one.generator for one in self.selection.candidates]
        heads = [asked] if row.method in ATTRIBUTORS or not asked else [[name] for name in asked]
        views: dict[str, dict[str, HeadScores]] = {chain: {} for chain in ("", *recipe.perturbations)}
        for candidates in heads:
            cell = HeadCell(self, row, seed, tuple(candidates), without)
            for chain, found in views.items():
                found.update(cell.scores(chain))
        for chain, found in views.items():
            yield chain, {"": by_any(found)} if recipe.open_set else found

    def _stacked_views(
        self, recipe: TableRecipe, row: RecipeRow, seed: int, without: str
    ) -> Iterator[tuple[str, dict[str, HeadScores]]]:
        cells = [HeadCell(self, one, seed, (), without) for one in recipe.rows if one.name in row.stack]
        held = [one.scores("", "validation")[""] for one in cells]
        for chain in ("", *recipe.perturbations):
            yield chain, {"": stacked(held, [one.scores(chain)[""] for one in cells])}

    def _threshold(self, recipe: TableRecipe, row: RecipeRow, seed: int, without: str) -> float:
        """The probability that the recipe's share of the row's real validation pictures may pass."""
        members = [one for one in recipe.rows if one.name in (row.stack or (row.name,))]
        held = [HeadCell(self, one, seed, (), without).scores("", "validation")[""] for one in members]
        said = stacked_by_fold(held) if row.stack else held[0]
        real = said.labels.count(REAL)
        if real * recipe.fpr < 1:
            told = f"{real} real validation pictures cannot tell a rate of {recipe.fpr:g}"
            log.warning(f"{row.name}: {told}: none of them may pass")
        return fit_thresholds(said.labels, said.probabilities, recipe.fpr).upper


@dataclass(frozen=True)
class HeadCell:
    """One head, and its scores."""

    bench: Bench
    row: RecipeRow
    seed: int
    candidates: tuple[str, ...]
    """The generators that are told from all others; none = generated is told from real."""
    without: str = ""
    """A generator of the training set that is not learned from."""

    def scores(self, perturbation: str, split: Split = "test") -> dict[str, HeadScores]:
        """From the file that holds them, or made now with all that they rest on."""
        chain = Chain.parse(perturbation)
        parts = [self._stem, _slug(str(chain)), split if split != "test" else ""]
        path = self.bench.folder / "scores" / f"{'-'.join(filter(None, parts))}.parquet"
        if (stored := read_scores(path)) is not None:
            return stored
        store, head = self.store, self._head
        log.info(f"{self.row.name}: {self._told} on the {split} pictures{f' after {chain}' if chain else ''}")
        pictures = perturbed_store([store], head, split, chain) if chain else store
        made = scores_of(head, pictures, self.candidates, split)
        write_scores(path, made)
        return made

    @cached_property
    def store(self) -> Store:
        """The common evidence under this cell's labels, made now where it is not there."""
        return Store(self.evidence())

    @cached_property
    def checkpoint(self) -> Path:
        """The head's file, which is trained now if it is not there."""
        path = self.bench.folder / "heads" / f"{self._stem}.safetensors"
        if not path.exists():
            self._train(self.store, path)
        return path

    @cached_property
    def _head(self) -> Head:
        return open_head(self.checkpoint, self._loaded)

    def untrained(self) -> Model[Any, Any]:
        """The network as it begins: it knows its evidence, and has nothing to say."""
        made = EVERY[self.row.method]
        return made(self._loaded, made.fitting_options(self._loaded).override(self.options))

    @cached_property
    def _loaded(self) -> Suite:
        return Suite.load(self.suite, self.bench.device, self.bench.dtype)

    @cached_property
    def suite(self) -> str:
        """The suite as the row varies it."""
        return varied_suite(self.bench.suite, self.row, self.bench.folder / "suites")

    @cached_property
    def models(self) -> Mapping[str, object]:
        """Product of the evidence -> its recipe, role of the head -> what moves its model: what the scores rest on."""
        made, suite = EVERY[self.row.method], self._loaded
        own, options = suite.of(self.row.method), made.fitting_options(suite).override(self.options)
        cards = {role: own.card(role) for role in made.head_roles(options)}
        learned = {role: (card.digest, card.parameters) for role, card in sorted(cards.items())}
        return {**made.evidence_of(options).view(own).products, **learned}

    @cached_property
    def options(self) -> dict[str, Any]:
        """The row's, and those of the run that its method knows; of an attributor the candidates too."""
        options = row_options(self.row, self.bench.options)
        if self.row.method in ATTRIBUTORS:
            options["generators"] = suite_candidates(Manifest.read(self.suite), self.row.method, self.candidates)
        return options

    def evidence(self) -> Place:
        """The folder of the common evidence, with the labels of this cell."""
        index = self._index()
        path = self.bench.folder / f"index-{hashlib.sha256(index).hexdigest()[:8]}.csv"
        write_aside(path, lambda file: file.write(index))
        return extract(
            self.row.method,
            data=f"manifest:{path}",
            out=self.bench.folder / "evidence",
            suite=self.suite,
            device=self.bench.device,
            dtype=self.bench.dtype,
            options=self.options,
            max_minutes=self.bench.max_minutes,
            devices=self.bench.learning.get("devices"),
        )

    def _train(self, store: Store, checkpoint: Path) -> None:
        log.info(f"{self.row.name}: training {self._told}")
        train(
            self.row.method,
            evidence=str(store.root),
            out=checkpoint,
            suite=self.suite,
            seed=self.seed,
            device=self.bench.device,
            options=self.options,
            **self.bench.learning,
        )

    def _index(self) -> bytes:
        """All pictures of the table, of which those that this head has no business with bear no label."""
        selection, text = self.bench.selection, io.StringIO()
        own = selection.subset(self.row, self.without)
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["path", "label", "generator", "split"])
        for one in selection.samples:
            label = self._label(one) if one.uri in own else None
            lines.writerow([os.path.abspath(one.uri), "" if label is None else label, one.generator, one.split or ""])
        return text.getvalue().encode("utf-8")

    def _label(self, sample: Sample) -> int | None:
        if not self.candidates or self.row.method in ATTRIBUTORS:
            return sample.label
        return None if sample.label == REAL else int(sample.generator == self.candidates[0])

    @cached_property
    def _stem(self) -> str:
        """A name that any other head has not: it tells all that moves the head, but the pictures."""
        manifest, method = Manifest.read(self.suite), self.row.method
        parts = method, EVERY[method].version, self.models, manifest.version, dict(manifest.options_of(method))
        selection, numbers = self.bench.selection, (self.bench.dtype, self.bench.learning["precision"])
        row = self.row, self.without
        learned = selection.learned_by(*row), selection.number_learned(*row)
        made = fingerprint(*parts, self.options, self.seed, learned, list(self.candidates), numbers)
        return f"{method}-{self.seed}-{made[:12]}"

    @property
    def _told(self) -> str:
        about = f" of {', '.join(self.candidates)}" if self.candidates else ""
        about += f" without {self.without}" if self.without else ""
        return f"{self.row.method}{about}, seed {self.seed}"


def row_options(row: RecipeRow, common: Mapping[str, Any]) -> dict[str, Any]:
    """The row's options above those of the run that its method knows."""
    known = EVERY[row.method].Options().to_dict()
    return {**{name: value for name, value in common.items() if name in known}, **row.options}


def suite_candidates(manifest: Manifest, method: str, generators: Sequence[str]) -> list[str]:
    """The suite's names of some generators; SuiteError for one that it cannot draw by."""
    there = {manifest.canonical_name(name, method): name for name in manifest.candidates_of(method)}
    there |= {name: name for name in there.values()}
    for name in generators:
        if name not in there and canonical_name(name) not in there:
            drawing = ", ".join(manifest.candidates_of(method))
            raise SuiteError(f"suite {manifest.called!r} cannot draw as {name} does, only as {drawing}")
    return [there.get(name) or there[canonical_name(name)] for name in generators]


def varied_suite(suite: str, row: RecipeRow, folder: Path) -> str:
    """The name of the suite with what the row exchanges; other models make a suite's file in ``folder``."""
    manifest = Manifest.read(suite)
    if row.models:
        manifest = with_models(manifest, row, folder / _slug(row.name))
        text = to_toml(manifest).encode()
        write_aside(manifest.file, lambda file: file.write(text))
        suite = str(manifest.file)
    return manifest.with_parameters(row.instruments).cli_name if row.instruments else suite


def with_models(manifest: Manifest, row: RecipeRow, folder: Path) -> Manifest:
    """A suite with the row's models in place of its own, without heads; SuiteError for one whose models are files."""
    if local := [spec.path for spec in manifest.specs() if spec.path]:
        roles = " and ".join(row.models)
        raise SuiteError(f"suite {manifest.name!r} has no other {roles}: its models are files of its own ({local[0]})")
    own = {role: TypeAdapter(Spec).validate_python(stated, by_alias=True) for role, stated in row.models.items()}
    told = MethodTable({**manifest.overrides(row.method), **own}, manifest.options_of(row.method))
    methods = {**manifest.methods, row.method: told}
    file = folder / "suite.toml"
    return replace(manifest, file=file, methods=methods, heads={}, fallbacks={}, digests={}, world=None)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
