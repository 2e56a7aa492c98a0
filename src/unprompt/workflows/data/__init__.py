"""Samples and stored evidence with labels, as the verbs read them."""
