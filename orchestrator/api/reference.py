"""The API's reference page at /docs, from files of our own build: it works without the internet.

The page itself is FastAPI's; only where its script and style come from is ours: ``ui`` puts them into its build.
"""

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def reference(request: Request) -> HTMLResponse:
    """Swagger UI over our OpenAPI document."""
    return get_swagger_ui_html(
        openapi_url=str(request.app.openapi_url),
        title="Orchestrator API",
        swagger_js_url="/reference/swagger-ui-bundle.js",
        swagger_css_url="/reference/swagger-ui.css",
        swagger_favicon_url="/favicon.svg",
    )
