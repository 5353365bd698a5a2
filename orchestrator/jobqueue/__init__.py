"""Hands named jobs to Redis and RQ. Enqueueing lives here, executing in jobs."""
