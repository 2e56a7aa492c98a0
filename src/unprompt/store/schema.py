"""What each stored table holds: declared Arrow schemas, every column documented, the version in the file."""

from __future__ import annotations

import pyarrow as pa

VERSION = 1
"""Version of all schemas together; it goes up when a column changes its name, type or meaning."""

_TABLE, _VERSION = b"unprompt.table", b"unprompt.version"
HAS_CHECKSUM = b"unprompt.checksum"
"""Says that the file bears its own checksum (see ``checksum``); files of before do not."""


def _column(name: str, kind: pa.DataType, doc: str, nullable: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable, {"doc": doc})


def _table(name: str, *columns: pa.Field) -> pa.Schema:
    return pa.schema(columns, {_TABLE: name.encode(), _VERSION: str(VERSION).encode(), HAS_CHECKSUM: b"sha256"})


_INDEX = (
    _column("uri", pa.string(), "where the picture lies, as the data specification spelt it"),
    _column("bytes", pa.int64(), "size of the file; null when there was none", nullable=True),
    _column("mtime_ns", pa.int64(), "time of the file's last change, ns since 1970; null when there was none", True),
    _column("label", pa.int8(), "1 = generated, 0 = real, null = unknown", nullable=True),
    _column("generator", pa.string(), "generator, or collection of a real picture; empty when unknown"),
    _column("split", pa.string(), "train, validation or test; null when unknown", nullable=True),
)

PLAN = _table("plan", *_INDEX, _column("part", pa.int32(), "number of the part that the sample belongs to"))

SAMPLES = _table(
    "samples",
    *_INDEX,
    _column(
        "status",
        pa.string(),
        "ok, or error when the picture could not be read, or a model answers nothing finite about it",
    ),
    _column("error", pa.string(), "why there is no picture, or no product of it; null when there is", nullable=True),
    _column("sha256", pa.string(), "hash of the file's bytes; null when it could not be read", nullable=True),
    _column(
        "pixels", pa.string(), "hash of the decoded RGB and its size; null when it could not be read", nullable=True
    ),
    _column("width", pa.int32(), "native width in pixels, as stored; null when it could not be read", nullable=True),
    _column("height", pa.int32(), "native height in pixels, as stored; null when it could not be read", nullable=True),
    _column("format", pa.string(), "sniffed format; null when it could not be read", nullable=True),
    _column("quality", pa.int32(), "estimated JPEG quality, 1 to 100; null for other formats", nullable=True),
    _column("perturbation", pa.string(), "what the decoded RGB went through, name:value[,...]; null: nothing", True),
    _column("original", pa.string(), "hash of the decoded RGB before the perturbation; null without one", True),
    _column(
        "decoding",
        pa.int32(),
        "version of the policy of `images.read`; null when it could not be read, and for 1",
        True,
    ),
    _column(
        "warnings", pa.string(), "what of the file could not be honoured, joined by semicolons; null: nothing", True
    ),
)

LATER = ("perturbation", "original", "decoding", "warnings")
"""Columns of the samples that files of before lack; there they read as null."""

_KEYS = (
    _column("pixels", pa.string(), "hash of the decoded RGB that the product was made of"),
    _column("fingerprint", pa.string(), "fingerprint(recipe's fingerprint, pixels)"),
)

_BOX = pa.struct(
    [("phrase", pa.string()), *((name, pa.float32()) for name in ("left", "top", "right", "bottom", "score"))]
)

PRODUCTS: dict[str, pa.Schema] = {
    "caption": _table(
        "caption",
        *_KEYS,
        _column("text", pa.string(), "what the prompt would have been"),
        _column("fallback", pa.bool_(), "true when the captioner said nothing and text is the stated fallback"),
    ),
    "embedding": _table(
        "embedding",
        *_KEYS,
        _column("vector", pa.list_(pa.float32()), "vector in the encoder's joint space, not normalised"),
    ),
    "picture": _table(
        "picture",
        *_KEYS,
        _column("png", pa.binary(), "a reconstruction or regeneration as lossless PNG bytes"),
    ),
    "embeddings": _table(
        "embeddings",
        *_KEYS,
        _column(
            "vectors", pa.list_(pa.list_(pa.float32())), "a vector of the joint space for each box, not normalised"
        ),
    ),
    "boxes": _table(
        "boxes",
        *_KEYS,
        _column(
            "boxes", pa.list_(_BOX), "of the phrases of the caption that were found: edges in shares of the picture"
        ),
    ),
}
"""The kinds of product, each with its schema."""


RESULTS = _table(
    "results",
    _column("method", pa.string(), "the method's name"),
    _column("checkpoint", pa.string(), "the detector's file"),
    _column("suite", pa.string(), "the suite that made the evidence"),
    _column("split", pa.string(), "train, validation or test"),
    _column("perturbation", pa.string(), "name:value[,...]; empty = none"),
    _column("generator", pa.string(), "a generator's name, macro or pooled"),
    _column("metric", pa.string(), "what was measured"),
    _column("value", pa.float64(), "the number; shares are in [0, 1]"),
    _column("low", pa.float64(), "lower end of its interval; null without one", nullable=True),
    _column("high", pa.float64(), "upper end of its interval; null without one", nullable=True),
    _column("level", pa.float64(), "share that the interval is to cover; null without one", nullable=True),
    _column("interval", pa.string(), "bootstrap, delong or wilson; null without one", nullable=True),
    _column("n_real", pa.int64(), "real pictures that the row rests on"),
    _column("n_generated", pa.int64(), "generated pictures that the row rests on"),
    _column("n_failed", pa.int64(), "pictures of the row without a score"),
    _column("n_copies", pa.int64(), "pictures left out as copies of another of the row"),
    _column(
        "threshold",
        pa.float64(),
        "probability above which accuracies count a picture as generated; null where each head has its own",
        nullable=True,
    ),
    _column("settings", pa.string(), "everything else that moved the number, as JSON"),
    _column("paper", pa.float64(), "the paper's number for the same cell; null without one", nullable=True),
)

SCORES = _table(
    "scores",
    _column("candidate", pa.string(), "the generator that the head is asked about; empty = generated against real"),
    _column("label", pa.int64(), "1 = the head should say yes"),
    _column("generator", pa.string(), "the picture's generator or collection"),
    _column("pixels", pa.string(), "hash of its pixels before a perturbation"),
    _column("probability", pa.float64(), "the calibrated answer"),
    _column("raw", pa.float64(), "the head's own output in [0, 1]"),
    _column("failed", pa.int64(), "further pictures, which have no score"),
)


def completed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """``table`` with the later columns of ``schema`` that it lacks, as nulls."""
    for name in LATER:
        if name in schema.names and name not in table.column_names:
            table = table.append_column(schema.field(name), pa.nulls(len(table), schema.field(name).type))
    return table


def tag(schema: pa.Schema) -> str:
    """Table name and version that the metadata of ``schema`` state, in words."""
    metadata = schema.metadata or {}
    name, version = (metadata.get(key, b"unknown").decode(errors="replace") for key in (_TABLE, _VERSION))
    return f"{name}, version {version}"
