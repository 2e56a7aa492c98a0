"""From pictures to rows: inputs, the predictors and their heads, the self-test."""
