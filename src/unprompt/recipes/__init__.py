"""How the embedded suites are trained and measured: ``miniature`` and ``photo``."""
