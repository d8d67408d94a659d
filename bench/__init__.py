"""Measurements of what the design promises, beside their last figures."""
