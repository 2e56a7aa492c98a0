"""What the Hugging Face ``datasets`` library saved to disk, read with Arrow alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import pyarrow as pa

from unprompt.datasets.aliases import split_of
from unprompt.datasets.manifest import label_cell, split_cell
from unprompt.datasets.rows import ROWS, cells_of, is_text
from unprompt.errors import DataError
from unprompt.images import ByteRange
from unprompt.structured_text import parse_object, read_object
from unprompt.types import Sample, Split

EXPECTED: Final = (
    "the folder of `Dataset.save_to_disk` or `DatasetDict.save_to_disk`: dataset_info.json and *.arrow, or a folder "
    "a split with these; with a column of images and one named label (0 real, 1 generated, or names of classes)"
)
_LABELS: Final = ("label", "labels")
_NOTES: Final = {"generator": ("generator", "source", "model"), "content": ("content", "class"), "prompt": ("prompt",)}
"""Field of a sample -> columns that may hold it, the first one there counts."""
_TOLD: Final = frozenset({"split"}.union(*_NOTES.values()))


def load_huggingface(argument: str) -> list[Sample]:
    """A data set that Hugging Face's ``datasets`` saved to disk, with its pictures inside or beside. DIR[/split].

    The card is the data set's own. A picture inside an Arrow file has the uri ``FILE.arrow#bytes=OFFSET+LENGTH``, which
    every verb opens; nothing is unpacked. One that is stored by its path starts at DIR. A ``ClassLabel`` counts by the
    names of its classes, so that ``0 = fake`` is read rightly; other labels are as in manifests. The splits of a
    ``DatasetDict`` are those of its folders, else a column ``split`` names them. Columns generator (source, model),
    content (class) and prompt are read where they are. An empty cell is a sample that cannot be read, and is listed.
    """
    root, only = Path(argument), None
    if not os.path.isdir(root) and (only := split_of(root.name)) is not None:
        root = root.parent
    try:
        folders = _folders(root)
    except OSError as error:
        raise DataError(f"the folder {str(root)!r} cannot be read ({error}); expected one that you may list") from error
    if not folders:
        _refuse(argument, root)
    samples = [sample for folder, split in folders for sample in _samples(root, folder, split)]
    return [sample for sample in samples if only in (None, sample.split)]


def _folders(root: Path) -> list[tuple[Path, Split | None]]:
    """Folders with Arrow files, each with the split that its name means."""
    if any(root.glob("*.arrow")):
        return [(root, split_of(root.name))]
    inside = sorted(one for one in root.iterdir() if any(one.glob("*.arrow"))) if os.path.isdir(root) else []
    return [(one, split_of(one.name)) for one in inside]


def _refuse(argument: str, root: Path) -> NoReturn:
    found = ", ".join(sorted(one.name for one in root.iterdir())[:12]) if os.path.isdir(root) else "no such folder"
    raise DataError(
        f"huggingface: looked in {argument!r}; found {found or 'nothing'}; expected {EXPECTED}. For Parquet or a hub "
        "id: load it with the datasets library once, and save_to_disk"
    )


@dataclass(frozen=True)
class _Columns:
    """Which columns hold what."""

    image: str
    label: str | None
    classes: tuple[str, ...]
    """Names of a ClassLabel's classes; empty for other labels."""
    told: tuple[str, ...]
    """The label's column, and those of ``_TOLD`` that are there."""


def _samples(root: Path, folder: Path, split: Split | None) -> Iterator[Sample]:
    for path in _data_files(folder):
        try:
            with pa.memory_map(str(path)) as mapped:
                yield from _rows(root, path, mapped, split)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read as an Arrow stream ({error}); expected {EXPECTED}") from error


def _data_files(folder: Path) -> list[Path]:
    """The Arrow files that hold the data: those that state.json names, else all."""
    state = folder / "state.json"
    if not state.is_file():
        return sorted(folder.glob("*.arrow"))
    try:
        info = read_object(state)
        names = [one["filename"] for one in info["_data_files"]]
        if outside := [name for name in names if Path(name).name != name]:
            raise ValueError(f"it names the file {outside[0]!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{state}: cannot be read ({error!r}); expected the names of the Arrow files beside it under _data_files"
        ) from error
    if info.get("_indices_data_files"):
        raise DataError(
            f"{folder}: the data set was saved with a selection of rows; expected whole files: load it with the "
            "datasets library, and save_to_disk again after flatten_indices()"
        )
    return [folder / name for name in names]


def _rows(root: Path, path: Path, mapped: pa.MemoryMappedFile, split: Split | None) -> Iterator[Sample]:
    size = mapped.size()
    start = mapped.read_buffer(size).address if size else 0
    mapped.seek(0)
    with pa.ipc.open_stream(mapped) as stream:
        columns = _columns(path, stream.schema)
        row = 0
        for batch in stream:
            if row + batch.num_rows > ROWS:
                raise ValueError(f"it has more than {ROWS:,} rows: split it")
            batch.validate(full=True)
            uris = _uris(root, path, batch.column(columns.image), start, size)
            told = {name: cells_of(name, batch.column(name)) for name in columns.told}
            for place, uri in enumerate(uris):
                row += 1
                cell = {name: cells[place] for name, cells in told.items()}
                yield _sample(uri or f"{path}#row={row}", f"{path}: row {row}", cell, columns, split)


def _columns(path: Path, schema: pa.Schema) -> _Columns:
    info = parse_object((schema.metadata or {}).get(b"huggingface", b"{}").decode("utf-8"))
    features = _table(_table(info.get("info")).get("features"))
    images = [name for name in schema.names if _table(features.get(name)).get("_type") == "Image"]
    if not images:
        raise DataError(f"{path}: found the columns {', '.join(schema.names)}, none of images; expected {EXPECTED}")
    kind = schema.field(images[0]).type
    if not (pa.types.is_struct(kind) and _holds(kind, "bytes", "binary") and _holds(kind, "path", "string")):
        raise DataError(f"{path}: the column {images[0]!r} is {kind}; expected a struct of bytes and path")
    label = next((name for name in _LABELS if name in schema.names), None)
    told = [name for name in schema.names if name in _TOLD or name == label]
    for name in told:
        is_text(schema.field(name))
    feature = _table(features.get(label or ""))
    classes = feature.get("names") if feature.get("_type") == "ClassLabel" else ()
    return _Columns(images[0], label, tuple(map(_word, classes if isinstance(classes, list) else ())), tuple(told))


def _table(value: object) -> Mapping[str, Any]:
    """``value`` where it is an object of JSON, else none of its entries."""
    return value if isinstance(value, dict) else {}


def _holds(kind: pa.StructType, name: str, what: str) -> bool:
    """Whether a struct has one such field of texts or bytes, with long or short offsets."""
    return kind.get_field_index(name) >= 0 and str(kind.field(name).type) in (what, f"large_{what}")


def _uris(root: Path, path: Path, column: pa.StructArray, start: int, size: int) -> list[str]:
    """Where each picture of the column lies: inside the file, or beside by its path; empty for an empty cell."""
    data = column.field("bytes")
    offsets, address = _offsets(data)
    first = address - start
    if len(offsets) and offsets[-1] > offsets[0] and not 0 <= first + offsets[0] <= first + offsets[-1] <= size:
        raise DataError(
            f"{path}: its Arrow buffers are compressed; expected them plain, as the datasets library writes"
        )
    inside = data.is_valid().to_pylist()
    paths = column.field("path").to_pylist()
    places = zip(inside, paths, first + offsets[:-1], np.diff(offsets), strict=True)
    return [
        str(ByteRange(str(path), int(at), int(length))) if there else os.path.join(root, beside) if beside else ""
        for there, beside, at, length in places
    ]


def _offsets(data: pa.Array) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    """N + 1 ends of the cells of a binary column within its buffer, and the buffer's address."""
    _, offsets, values = data.buffers()
    kind = np.int64 if pa.types.is_large_binary(data.type) else np.int32
    ends = np.frombuffer(offsets, kind)[data.offset : data.offset + len(data) + 1].astype(np.int64)
    return ends, values.address if values is not None else 0


def _sample(uri: str, where: str, cell: Mapping[str, Any], columns: _Columns, split: Split | None) -> Sample:
    value = cell[columns.label] if columns.label else None
    if columns.classes and isinstance(value, int) and 0 <= value < len(columns.classes):
        value = columns.classes[value]
    notes = {field: next((cell[name] for name in names if name in cell), None) for field, names in _NOTES.items()}
    return Sample(
        uri,
        label_cell(where, _word(value)),
        split=split or split_cell(where, _word(cell.get("split"))),
        **{field: _word(note) for field, note in notes.items()},
    )


def _word(value: object) -> str:
    """A cell as text: null as empty, true and false as 1 and 0."""
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value).strip()
