"""What a run needs and takes: costs, recipes of the papers' tables, the dry run."""
