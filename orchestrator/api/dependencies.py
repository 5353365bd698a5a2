"""What routes ask for: the container of services, the caller, a page. Used by every router."""

from typing import Annotated

from fastapi import Depends, Query, Request

from orchestrator.bootstrap import Container


def get_container(request: Request) -> Container:
    """The services of this process."""
    container: Container = request.app.state.container
    return container


ContainerDep = Annotated[Container, Depends(get_container)]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items to return.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Items to skip.")]
