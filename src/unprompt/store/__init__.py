"""Products and evidence as Parquet: declared schemas, fixed parts, files that are whole or not there."""

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
from unprompt.store.contents import Contents, Product
from unprompt.store.files import write_aside, write_table
from unprompt.store.fingerprint import canonical, fingerprint
from unprompt.store.gc import Unnamed, remove, unnamed
from unprompt.store.noise_samples import Draws
from unprompt.store.plan import PART, Part, Planned
from unprompt.store.plan_table import Parts
from unprompt.store.product_table import Recipe, Shelf
from unprompt.store.schema import RESULTS
from unprompt.store.store import Store
from unprompt.store.verification import Harm, Proof, prove
from unprompt.store.view import EvidenceView

__all__ = [
    "PART",
    "RESULTS",
    "Contents",
    "Draws",
    "EvidenceView",
    "Harm",
    "Part",
    "Parts",
    "Planned",
    "Product",
    "Proof",
    "Recipe",
    "Shelf",
    "Store",
    "Unnamed",
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
    "prove",
    "remove",
    "sample_rows",
    "several_vectors",
    "unnamed",
    "vectors",
    "write_aside",
    "write_table",
]
