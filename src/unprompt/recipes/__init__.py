"""How the embedded suites are trained and measured: ``miniature``, ``photo``, and what ``photo`` reads and writes."""
