"""Fitting a detector's head to stored evidence."""
