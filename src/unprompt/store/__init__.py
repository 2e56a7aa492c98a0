"""Products and evidence as Parquet: declared schemas, fixed shards, files that are whole or not there."""

from unprompt.store.cells import (
    box_rows,
    boxes,
    caption_rows,
    captions,
    embedding_rows,
    embeddings_rows,
    picture_rows,
    pictures,
    sample_rows,
    several_vectors,
    vectors,
)
from unprompt.store.contents import Contents, StoredProduct
from unprompt.store.files import write_aside
from unprompt.store.fingerprint import canonical, fingerprint
from unprompt.store.gc import Unreferenced, remove, unreferenced
from unprompt.store.noise_samples import NoiseSamples
from unprompt.store.parquet import write_table
from unprompt.store.places import Place, place
from unprompt.store.plan import SHARD_SIZE, Planned, Shard
from unprompt.store.plan_table import Shards
from unprompt.store.product_table import ProductRecipe, ProductTable
from unprompt.store.schema import RESULTS, SCORES
from unprompt.store.store import Store
from unprompt.store.verification import Problem, Verification, verify_store
from unprompt.store.view import EvidenceView

__all__ = [
    "RESULTS",
    "SCORES",
    "SHARD_SIZE",
    "Contents",
    "EvidenceView",
    "NoiseSamples",
    "Place",
    "Planned",
    "Problem",
    "ProductRecipe",
    "ProductTable",
    "Shard",
    "Shards",
    "Store",
    "StoredProduct",
    "Unreferenced",
    "Verification",
    "box_rows",
    "boxes",
    "canonical",
    "caption_rows",
    "captions",
    "embedding_rows",
    "embeddings_rows",
    "fingerprint",
    "picture_rows",
    "pictures",
    "place",
    "remove",
    "sample_rows",
    "several_vectors",
    "unreferenced",
    "vectors",
    "verify_store",
    "write_aside",
    "write_table",
]
