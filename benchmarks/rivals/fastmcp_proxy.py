"""FastMCP's proxy as its documentation starts it: ``fastmcp_proxy.py TARGET_URL PORT``. Runs in its own environment."""

import sys

from fastmcp.server import create_proxy

if __name__ == "__main__":
    create_proxy(sys.argv[1]).run(
        transport="http", host="127.0.0.1", port=int(sys.argv[2]), show_banner=False, log_level="ERROR"
    )
