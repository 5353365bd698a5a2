"""What a worker may run, and how one run goes."""
