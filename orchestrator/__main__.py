"""``python -m orchestrator``: the command line, with errors written for people."""

from orchestrator.cli.app import main

if __name__ == "__main__":
    main()
