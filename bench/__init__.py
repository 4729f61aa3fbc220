"""Optbook measured against floors in the same run: `script/bench`, `docs/benchmarks.md`.

The people in it are made up, and so are their numbers: see `bench.people`.
"""
