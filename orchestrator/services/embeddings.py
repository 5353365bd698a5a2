"""Texts as vectors, from an OpenAI-compatible ``/embeddings`` endpoint. Used by the search for tools; optional.

Vectors have length 1, so that a product of two says how near they are. What was asked for once is kept, by its text;
which model and where is the operator's setting. It ranks nothing.
"""

import math
from array import array
from collections.abc import Sequence
from operator import itemgetter, mul
from typing import TypeAlias

import httpx2

from orchestrator.core.errors import ProviderFailed

Vector: TypeAlias = "array[float]"

_BATCH = 128
_MOST_KEPT = 20_000
_MOST_CHARS = 2000
_SECONDS = 20.0


class Embeddings:
    """One endpoint and model. Closed with ``aclose``."""

    def __init__(self, base_url: str, model: str, api_key: str = "") -> None:
        self._url = f"{base_url.rstrip('/')}/embeddings"
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._kept: dict[str, Vector] = {}
        self._client: httpx2.AsyncClient | None = None

    async def of(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, in order. Raises ProviderFailed, which may pass."""
        short = [text[:_MOST_CHARS] for text in texts]
        lacking = [text for text in dict.fromkeys(short) if text not in self._kept]
        if len(self._kept) + len(lacking) > _MOST_KEPT:
            self._kept.clear()
            lacking = list(dict.fromkeys(short))
        for start in range(0, len(lacking), _BATCH):
            batch = lacking[start : start + _BATCH]
            self._kept.update(zip(batch, await self._ask(batch), strict=True))
        return [self._kept[text] for text in short]

    async def _ask(self, texts: list[str]) -> list[Vector]:
        if self._client is None:
            self._client = httpx2.AsyncClient(headers=self._headers, timeout=_SECONDS)
        try:
            answer = await self._client.post(self._url, json={"model": self._model, "input": texts})
            answer.raise_for_status()
            vectors = [_unit(row["embedding"]) for row in sorted(answer.json()["data"], key=itemgetter("index"))]
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError) as error:
            said = str(error).partition("\n")[0][:200] or type(error).__name__
            raise ProviderFailed(f"the embeddings endpoint failed: {said}", hint="see EMBEDDINGS_URL") from error
        if len(vectors) != len(texts):
            raise ProviderFailed(f"the embeddings endpoint gave {len(vectors)} vectors for {len(texts)} texts")
        return vectors

    async def aclose(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()


def nearness(one: Vector, other: Vector) -> float:
    """From -1 to 1; 0 for vectors of different models."""
    return sum(map(mul, one, other)) if len(one) == len(other) else 0.0


def _unit(values: Sequence[float]) -> Vector:
    vector = array("f", values)
    length = math.sqrt(sum(map(mul, vector, vector)))
    return array("f", (value / length for value in vector)) if length else vector
