"""PostgreSQL and Redis from wheels, for people who have neither.

Used by ``orchestrator up`` and by the tests, through ``pair.start_embedded``. The rest of the service sees two URLs
and does not know whether they point here or at real servers.
"""
