"""Tools are found by meaning where an endpoint for embeddings is set up; where it fails, by words, and that is said."""

from collections.abc import Iterator, Sequence

import pytest

from orchestrator.agents.scripted.http_server import Reply, Request, Route, ScriptedServer
from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.services.embeddings import Embeddings
from orchestrator.services.tool_search import ToolSearch

MEANINGS = (("echo", "parrot"), ("wait", "patience"), ("grep", "needle"))


class FakeEmbeddings(ScriptedServer):
    """Each meaning is a direction of its own: texts that share one are near each other."""

    def routes(self) -> Sequence[Route]:
        return [("POST", "/v1/embeddings", self._answer)]

    def _answer(self, request: Request) -> Reply:
        texts = request.json()["input"]
        vectors = [[float(any(word in text for word in words)) for words in MEANINGS] + [0.1] for text in texts]
        rows = [{"index": number, "embedding": vector} for number, vector in enumerate(vectors)]
        return Reply(body={"data": list(reversed(rows))})


@pytest.fixture
def fake() -> Iterator[FakeEmbeddings]:
    with FakeEmbeddings() as server:
        yield server


async def test_a_word_that_no_tool_has_finds_what_means_the_same(
    container: Container, ada: Caller, fake: FakeEmbeddings
) -> None:
    embeddings = Embeddings(f"{fake.url}/v1/", "tiny", "secret-key")
    search = ToolSearch(container.catalogue, embeddings)
    found = await search.find(ada, "parrot", limit=1)
    assert [tool.name for tool in found.tools] == ["diagnostics__echo"]
    assert (found.matching, found.ranked_by, found.note) == (0, "words and meaning", "")
    assert fake.requests[0].token == "secret-key"
    asked = len(fake.requests)
    await search.find(ada, "patience", limit=1)
    assert [request.json()["input"] for request in fake.requests[asked:]] == [["patience"]]
    await embeddings.aclose()


@pytest.mark.parametrize(("status", "body"), [(500, {}), (200, {"data": []}), (200, "rubbish"), (200, [])])
async def test_where_the_endpoint_fails_words_rank_and_the_answer_says_so(
    container: Container, ada: Caller, fake: FakeEmbeddings, status: int, body: object
) -> None:
    fake.fail_next(status, body)
    embeddings = Embeddings(f"{fake.url}/v1", "tiny")
    found = await ToolSearch(container.catalogue, embeddings).find(ada, "echo", limit=1)
    assert [tool.name for tool in found.tools] == ["diagnostics__echo"]
    assert found.ranked_by == "words"
    assert "the embeddings endpoint" in found.note
    await embeddings.aclose()
