"""Products of the instruments -> each paper's representation of a picture."""
