"""From the text of a file to its facts and its program."""
