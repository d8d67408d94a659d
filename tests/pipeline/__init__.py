"""Tests of the worker: publishing, planning, purging, and what dies in between."""
