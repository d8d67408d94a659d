"""Purging: telling every cache what has changed, and proving that readers get it."""
