"""How the suite ``photo`` learns to read and to write: aligned maps, a captioner, and what both are worth.

``python -m unprompt.recipes.captions`` on captioned pictures.
"""
