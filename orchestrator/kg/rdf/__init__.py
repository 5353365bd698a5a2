"""The vocabulary of graphs, and facts written in it."""
