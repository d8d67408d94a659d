"""A sample site of our own making."""
