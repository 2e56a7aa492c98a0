"""Small random models and suites for tests, ours and yours: offline, and made in seconds."""

from unprompt.testing.fake_paper import cached_fake_suite, save_fake_paper
from unprompt.testing.fake_suite import save_fake_suite

__all__ = ["cached_fake_suite", "save_fake_paper", "save_fake_suite"]
