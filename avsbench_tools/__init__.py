"""Reads, checks and converts AVSBench."""
