"""Reads the variables of an ``envFile``, as Cursor and VS Code name one beside a server's program.

Used where such a file is at hand: by the command line, and for an operator's own mcp.json. The service opens no file
that a document from outside names.
"""

from io import StringIO

from dotenv import dotenv_values


def variables_of(text: str) -> dict[str, str]:
    """Variables by name; nothing in their values is expanded."""
    found = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: value for name, value in found.items() if value is not None}
