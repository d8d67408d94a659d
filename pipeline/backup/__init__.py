"""Backups of a whole site to any object store, incremental and checked by digests; and what brings one back."""
