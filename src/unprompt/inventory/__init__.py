"""What a dataset's files say before any model looks: formats, sizes, copies, and how much they betray."""

from unprompt.inventory.bias import LIMIT, Bias, metadata_bias
from unprompt.inventory.copies import Copies, Copy, SharedPrompt, copies, shared_prompts
from unprompt.inventory.facts import Facts, Item
from unprompt.inventory.inventory import Finding, Inventory, Unreadable
from unprompt.inventory.profiles import Cell, Profile, profiles

__all__ = [
    "LIMIT",
    "Bias",
    "Cell",
    "Copies",
    "Copy",
    "Facts",
    "Finding",
    "Inventory",
    "Item",
    "Profile",
    "SharedPrompt",
    "Unreadable",
    "copies",
    "metadata_bias",
    "profiles",
    "shared_prompts",
]
