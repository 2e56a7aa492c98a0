"""What making and storing a picture leave behind in its pixels, counted at native resolution."""

from unprompt.evidence.traces.extractor import SIDE, TraceEvidence, TraceExtractor, middle, trace_vectors
from unprompt.evidence.traces.vector import GROUPS, LEAST, WIDTH, traces

__all__ = ["GROUPS", "LEAST", "SIDE", "WIDTH", "TraceEvidence", "TraceExtractor", "middle", "trace_vectors", "traces"]
