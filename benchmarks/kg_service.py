"""A whole service with one project whose graph is a given file, for benchmarks that ask graphs over HTTP."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg

from benchmarks.service import running_service
from orchestrator.core.ids import new_id
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.snapshot import GRAPH, new_snapshot

EMPTY = "<urn:nothing> <urn:is> <urn:here> <urn:empty> .\n"


@dataclass(frozen=True, slots=True)
class GraphEndpoint:
    """Where a project's graph is asked, and the token to ask with."""

    url: str
    token: str
    folder: Path

    @property
    def scratch(self) -> str:
        """The URL of the caller's scratch dataset."""
        return self.url.replace("/sparql", "/scratch/sparql")

    def client(self) -> httpx.Client:
        """A client that is let in."""
        return httpx.Client(headers={"Authorization": f"Bearer {self.token}"}, timeout=120)


@asynccontextmanager
async def graph_service(folder: Path, quads: Path | None = None, **settings: str) -> AsyncIterator[GraphEndpoint]:
    """A running service; ``quads`` (N-Quads) become the project's graph as a build would leave it."""
    async with running_service(folder / "service", light_workers=0, **settings) as service:
        headers = {"Authorization": f"Bearer {service.token}"}
        async with httpx.AsyncClient(base_url=f"{service.url}/api/v1", headers=headers) as client:
            asked = {"name": "graph", "template": "empty", "build_graph": False}
            project = (await client.post("/projects", json=asked)).raise_for_status().json()["project_id"]
        graph = folder / "service" / "kg" / project
        await asyncio.to_thread(_publish, graph, quads)
        with psycopg.connect(service.database_url.replace("postgresql+psycopg", "postgresql")) as connection:
            connection.execute("INSERT INTO graphs (id, project_id, report) VALUES (%s, %s, '{}')", (new_id(), project))
        queries = GraphQueries()
        try:
            await queries.warm(graph)
            yield GraphEndpoint(f"{service.url}/api/v1/kg/{project}/sparql", service.token, graph)
        finally:
            await queries.stop(graph)
            await queries.aclose()


def _publish(graph: Path, quads: Path | None) -> None:
    with new_snapshot(graph, "bench") as (_, draft):
        if quads is None:
            (draft / GRAPH).write_text(EMPTY)
        else:
            shutil.copyfile(quads, draft / GRAPH)
