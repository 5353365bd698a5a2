"""What people and agents did, as a graph."""
