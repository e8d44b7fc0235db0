"""Benchmarks for `pytest --benchmark-only`."""
