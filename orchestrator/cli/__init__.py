"""The command line: ``python -m orchestrator …``; ``app.py`` lists the commands."""
