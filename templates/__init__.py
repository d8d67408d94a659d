"""The themes that pages are drawn with."""
