"""The numbers of each figure, from stored evidence, checkpoints and results."""
