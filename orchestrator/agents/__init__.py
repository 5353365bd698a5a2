"""Agents: who carries out work with judgement or with code of its own. ``base`` is the file to read first.

An agent gets a worktree, tools, a graph and limits through its context; it imports no other outside world. Services
build contexts and run agents; nothing here knows a database, git or MCP.
"""
