"""How the suite ``photo`` is made and measured: compact detectors of real photographs.

Each fold's pictures are judged by nets that never saw their generator or their collection. No other package imports
this one.
"""
