"""Tests of the console: how it is served, and a walk through it in a real browser."""
