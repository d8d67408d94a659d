"""The studio and its API: where artists write."""
