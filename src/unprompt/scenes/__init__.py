"""Synthetic table-top scenes: what stands in them, their renderer, and the camera that photographs them."""
