"""A client of the HTTP API: log-in, requests, names found, answers put on a terminal. Used by commands and demo."""
