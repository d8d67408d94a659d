"""Tests of the makers of renditions."""
