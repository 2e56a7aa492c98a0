"""From pictures to predictions: inputs, the predictor, the self-test."""
