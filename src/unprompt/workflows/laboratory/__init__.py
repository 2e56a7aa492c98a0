"""What makes the cells of a paper's table: evidence, heads and scores, each once, shared by all tables."""
