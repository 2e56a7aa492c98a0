"""From stored evidence to a trained, calibrated head."""
