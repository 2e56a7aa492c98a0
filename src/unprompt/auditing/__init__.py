"""Audit of a dataset's files, without a model: formats, sizes, copies, and how well they predict the label."""

from unprompt.auditing.audit import Audit, Finding, Unreadable
from unprompt.auditing.bias import LIMIT, Bias, metadata_bias
from unprompt.auditing.copies import Copies, Copy, SharedPrompt, copies, shared_prompts
from unprompt.auditing.facts import FileFacts, Item
from unprompt.auditing.profiles import Cell, Profile, profiles

__all__ = [
    "LIMIT",
    "Audit",
    "Bias",
    "Cell",
    "Copies",
    "Copy",
    "FileFacts",
    "Finding",
    "Item",
    "Profile",
    "SharedPrompt",
    "Unreadable",
    "copies",
    "metadata_bias",
    "profiles",
    "shared_prompts",
]
