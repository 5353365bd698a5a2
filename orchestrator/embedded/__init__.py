"""PostgreSQL and Redis from wheels, for people who have neither."""
