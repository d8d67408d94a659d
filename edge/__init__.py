"""Serves the published pages from the object store."""
