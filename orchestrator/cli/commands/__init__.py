"""The client commands, one file a noun: each a few lines that ask the API and show the answer."""
