"""Turns a snapshot of a profile into its files, purely."""
