"""Benchmarks: each target prints a table and writes results/<target>.json. They measure, they never assert."""
