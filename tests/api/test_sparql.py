"""The SPARQL doors as the W3C's protocol has them: three forms, every format, statuses, and who may do what."""

import asyncio
from collections.abc import Iterator
from urllib.parse import quote

import httpx2
import psycopg
import pyoxigraph as ox
import pytest

from orchestrator.core.ids import new_id
from orchestrator.kg.query.client import GraphQueries
from orchestrator.kg.query.formats import GRAPH_FORMATS, RESULT_FORMATS
from orchestrator.kg.snapshot import GRAPH, new_snapshot
from tests.api.conftest import PASSWORD, Api

pytestmark = pytest.mark.xdist_group("sparql")

QUADS = """<u:a> <u:p> <u:b> <u:g1> .
<u:b> <u:p> "two" <u:g2> .
"""
SELECT = "SELECT * { ?s ?p ?o }"
ASK = "ASK { <u:a> ?p ?o }"
DIRECT = {"Content-Type": "application/sparql-query"}
UPDATE = {"Content-Type": "application/sparql-update"}


@pytest.fixture(scope="module")
def client(api: Api, database_url: str) -> Iterator[httpx2.Client]:
    """Somebody with a project whose graph has two triples in two named graphs."""
    folder = api.data_dir / "kg" / api.known["kg_id"]
    with new_snapshot(folder, "c0ffee") as (_, draft):
        (draft / GRAPH).write_text(QUADS)
    with psycopg.connect(database_url.replace("postgresql+psycopg", "postgresql")) as connection:
        row = (new_id(), api.known["project_id"])
        connection.execute("INSERT INTO graphs (id, project_id, report) VALUES (%s, %s, '{}')", row)
    with httpx2.Client(base_url=f"{api.url}/api/v1/kg/{api.known['kg_id']}", headers=api.headers, timeout=60) as asking:
        yield asking
    asyncio.run(GraphQueries().stop(folder))


def test_a_query_is_asked_in_three_forms(client: httpx2.Client) -> None:
    answers = [
        client.get("/sparql", params={"query": ASK}),
        client.post("/sparql", data={"query": ASK}),
        client.post("/sparql", content=ASK, headers=DIRECT),
        client.post("/sparql", content=ASK, headers={"Content-Type": "application/sparql-query; charset=UTF-8"}),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/sparql-results+json"
        assert answer.json()["boolean"] is True


@pytest.mark.parametrize("media_type", RESULT_FORMATS)
def test_a_table_comes_in_the_format_that_is_asked_for(client: httpx2.Client, media_type: str) -> None:
    answer = client.get("/sparql", params={"query": SELECT}, headers={"Accept": f"text/html, {media_type};q=0.9"})
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert answer.headers["x-query-rows"] == "2"
    assert b"two" in answer.content


@pytest.mark.parametrize("media_type", GRAPH_FORMATS)
def test_a_graph_comes_in_the_format_that_is_asked_for(client: httpx2.Client, media_type: str) -> None:
    query = "CONSTRUCT { ?s <relative> ?o } WHERE { ?s ?p ?o }"
    answer = client.post("/sparql", content=query, headers=DIRECT | {"Accept": media_type})
    assert answer.headers["content-type"].partition(";")[0] == media_type
    told = {quad.predicate.value for quad in ox.parse(answer.content, format=GRAPH_FORMATS[media_type])}
    assert told == {str(client.base_url.join("sparql/x")).replace("sparql/x", "relative")}


def test_the_request_chooses_the_graphs(client: httpx2.Client) -> None:
    def count(**graphs: str) -> int:
        answer = client.get("/sparql", params={"query": SELECT, **graphs})
        return len(answer.json()["results"]["bindings"])

    assert count() == 2
    assert count(**{"default-graph-uri": "u:g1"}) == 1
    assert count(**{"named-graph-uri": "u:g1"}) == 0
    named = {"query": "SELECT ?g { GRAPH ?g { ?s ?p ?o } }", "named-graph-uri": "u:g2"}
    assert [row["g"]["value"] for row in client.get("/sparql", params=named).json()["results"]["bindings"]] == ["u:g2"]
    outside = client.get("/sparql", params={"query": SELECT, "default-graph-uri": "http://127.0.0.1:1/"})
    assert (outside.status_code, outside.json()["code"]) == (403, "query_refused")


@pytest.mark.parametrize(
    ("method", "query", "body", "kind", "status"),
    [
        ("GET", "query=ASK%20%7B", None, None, 400),
        ("GET", "query=ASK%7B%7D&query=ASK%7B%7D", None, None, 400),
        ("GET", "query=%FF", None, None, 400),
        ("GET", "update=CLEAR%20ALL", None, None, 400),
        ("POST", "", b"", "application/x-www-form-urlencoded", 400),
        ("POST", "", b"ASK {}", "text/plain", 415),
        ("POST", "", b"ASK {}", None, 415),
        ("POST", "", b"ASK {}", "application/sparql-query; charset=UTF-16", 415),
        ("POST", "", b"\xff", "application/sparql-query", 400),
        ("POST", "query=ASK%7B%7D", b"ASK {}", "application/sparql-query", 400),
        ("POST", "", b"CLEAR ALL", "application/sparql-update", 403),
        ("POST", "", b"update=CLEAR+ALL", "application/x-www-form-urlencoded", 403),
        ("POST", "", b"CLEAR ALL", "application/sparql-query", 403),
        ("POST", "", b"SELECT * { SERVICE <u:x> {} }", "application/sparql-query", 403),
        ("POST", "", b"SELECT (<u:no-such-function>(1) AS ?x) {}", "application/sparql-query", 422),
        ("PUT", "query=ASK%7B%7D", b"", "application/x-www-form-urlencoded", 405),
    ],
)
def test_what_the_protocol_does_not_know_is_told_as_a_problem(
    client: httpx2.Client, method: str, query: str, body: bytes | None, kind: str | None, status: int
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = client.request(method, f"/sparql?{query}", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("door", ["sparql", "scratch/sparql"])
def test_without_a_query_the_endpoint_describes_itself(client: httpx2.Client, door: str) -> None:
    answer = client.get(f"/{door}", headers={"Accept": "application/n-triples"})
    told = {(quad.predicate.value.rpartition("#")[2], str(quad.object.value)) for quad in ox.parse(
        answer.content, format=ox.RdfFormat.N_TRIPLES) if not isinstance(quad.object, ox.BlankNode)}  # fmt: skip
    vocabulary = "http://www.w3.org/ns/sparql-service-description#"
    assert ("endpoint", str(client.base_url.join(door))) in told
    assert (("supportedLanguage", f"{vocabulary}SPARQL11Update") in told) is (door != "sparql")


def test_a_scratch_dataset_is_written_and_read_by_its_owner(client: httpx2.Client) -> None:
    assert client.post("/scratch/sparql", content="INSERT DATA { <a> <b> 1 }", headers=UPDATE).status_code == 204
    assert client.post("/scratch/sparql", data={"query": "ASK { ?s ?p 1 }"}).json()["boolean"] is True
    turtle = {"Content-Type": "text/turtle"}
    put = [client.put("/scratch/data?graph=u:mine", content="<u:a> <u:b> 2 .", headers=turtle) for _ in range(2)]
    assert [answer.status_code for answer in put] == [201, 204]
    read = client.get("/scratch/data?graph=u:mine", headers={"Accept": "application/n-triples"})
    assert read.text.startswith("<u:a> <u:b>")
    assert client.delete("/scratch/data?graph=u:mine").status_code == 204
    assert client.get("/scratch/data?graph=u:mine").status_code == 404
    assert client.get("/scratch/data?default").status_code == 200
    assert client.get("/scratch/data").status_code == 400
    assert client.post("/scratch/data?default", content=b"\xff", headers=turtle).status_code == 400
    assert client.post("/sparql", content="ASK { ?s ?p 1 }", headers=DIRECT).json()["boolean"] is False
    assert client.post("/scratch/sparql", content="CLEAR ALL", headers=UPDATE).status_code == 204


def test_scopes_and_membership_guard_the_doors(client: httpx2.Client, api: Api) -> None:
    asked = {"name": "reader", "scopes": ["kg:read"]}
    made = httpx2.post(f"{api.url}/api/v1/user/tokens", json=asked, headers=api.headers)
    assert made.status_code == 201, made.text
    reader = {"Authorization": f"Bearer {made.json()['token']}"}
    assert client.post("/scratch/sparql", data={"query": "ASK {}"}, headers=reader).status_code == 200
    for answer in (
        client.post("/scratch/sparql", content="CLEAR ALL", headers=UPDATE | reader),
        client.put("/scratch/data?default", content="", headers={"Content-Type": "text/turtle"} | reader),
        client.delete("/scratch/data?default", headers=reader),
    ):
        assert answer.status_code == 403
    stranger = {"email": f"{new_id()}@example.org", "password": PASSWORD}
    with httpx2.Client(base_url=f"{api.url}/api/v1", timeout=30) as other:
        other.post("/auth/register", json=stranger)
        token = other.post("/auth/login", json=stranger).json()["access_token"]
    for door in (f"sparql?query={quote(ASK)}", "sparql", "scratch/sparql", "scratch/data?default"):
        assert client.get(f"/{door}", headers={"Authorization": f"Bearer {token}"}).status_code == 404


@pytest.mark.parametrize("accept", ["application/pdf", "image/png, application/pdf;q=0.5", "image/*"])
def test_a_format_that_is_not_written_is_refused_by_name(client: httpx2.Client, accept: str) -> None:
    for text in (SELECT, ASK, "CONSTRUCT WHERE { ?s ?p ?o }"):
        answer = client.get("/sparql", params={"query": text}, headers={"Accept": accept})
        assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
        assert answer.json()["details"]["offered"]
    assert client.get("/sparql", headers={"Accept": accept}).status_code == 406


@pytest.mark.parametrize("accept", ["application/pdf, */*;q=0.1", "text/turtle", "application/*", "text/html, text/*"])
def test_a_client_that_takes_something_we_write_is_answered(client: httpx2.Client, accept: str) -> None:
    assert client.get("/sparql", params={"query": SELECT}, headers={"Accept": accept}).status_code == 200


def test_the_first_build_that_is_on_its_way_is_handed_out_again(api: Api) -> None:
    with httpx2.Client(base_url=f"{api.url}/api/v1", headers=api.headers, timeout=60) as asking:
        wanted = {"name": "twice", "template": "empty", "build_graph": False}
        project = asking.post("/projects", json=wanted).raise_for_status().json()["project_id"]

        def generate(**more: object) -> str:
            answer = asking.post("/kg/generate", json={"project_id": project, **more}).raise_for_status().json()
            assert answer["kg_id"] is None
            return str(answer["task_id"])

        first = generate()
        assert generate() == first
        assert generate(files=["a.py"]) != first
        asking.post(f"/tasks/{first}/cancel").raise_for_status()
        assert generate() != first
