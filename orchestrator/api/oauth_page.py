"""The page for somebody whose program asked wrongly, so that their browser must not be sent back to it.

Used by the authorize door. Plain HTML with its own style and no script: it must work where the console is not built.
"""

import secrets
from html import escape

from fastapi.responses import HTMLResponse

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.redirect_uris import way_back

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#fafaf8, #141514);
  color: light-dark(#1d1d1a, #e9e9e4);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 30em; margin: 24px; padding: 28px 32px; border: 1px solid light-dark(#e7e7e2, #2a2b29);
  border-radius: 10px; background: light-dark(#ffffff, #1a1b1a); }
h1 { margin: 0 0 12px; font-size: 20px; line-height: 1.25; letter-spacing: -0.012em; }
p { margin: 0 0 10px; }
p.why { color: light-dark(#b4322a, #f08a80); overflow-wrap: anywhere; }
p.more { color: light-dark(#6a6a63, #999991); }
a { color: light-dark(#0f6b5f, #5fb4a2); text-underline-offset: 3px; }
"""


def refusal_page(error: OrchestratorError, back: str | None) -> HTMLResponse:
    """What is wrong, in words, and that nothing happened. ``back`` is where the program may be told, by a click."""
    told = f'<p><a href="{escape(back)}">Tell the program at {escape(way_back(back))}</a></p>' if back else ""
    nonce = secrets.token_urlsafe(18)
    body = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not connected · Orchestrator</title><style nonce="{nonce}">{_STYLE}</style></head>
<body><main><h1>This program cannot be connected</h1>
<p class="why">{escape(error.message)}.</p>
<p class="more">Nothing was shared with it, and your browser was not sent anywhere. The fault is the program's, or its
registration here has ended: connect again from the program.</p>
{told}<p><a href="/">To the console</a></p></main></body></html>"""
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(body, error.status, headers=headers)
