"""The guard against the engine: whatever separates or hides the words, nothing that reaches out is admitted."""

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.errors import BadQuery
from orchestrator.kg.query.guard import admit, admit_update
from orchestrator.kg.query.tokens import tokens_of

OUT = "<http://127.0.0.1:1/>"
QUERIES = (
    f"SELECT * {{ ?s ?p DECOY . SERVICE {OUT} {{ ?a ?b ?c }} }}",
    "SELECT ?s { ?s ?p DECOY OPTIONAL { SERVICE SILENT ?g { ?a ?b ?c } } FILTER ( ?s < 3 ) }",
    f"ASK FROM {OUT} {{ ?s ?p DECOY }}",
    f"CONSTRUCT {{ ?s ?p ?o }} FROM NAMED {OUT} WHERE {{ GRAPH ?g {{ ?s ?p DECOY }} }}",
)
UPDATES = (
    f"LOAD {OUT}",
    f"INSERT DATA {{ <u:a> <u:b> DECOY }} ; LOAD {OUT} INTO GRAPH <u:g>",
    f"DELETE {{ ?s ?p ?o }} WHERE {{ ?s ?p DECOY . SERVICE {OUT} {{ ?a ?b ?c }} }}",
)
GAPS = (
    "\n", "\r", "\t", "#\n", "#\r", "#'\n", '#"""\r', "#<\n", "# FROM\r", "#\x85\n", "#\u2028\r\n", " \\u000A ",
    "#\\u000D",
)  # fmt: skip
DECOYS = (
    "1", "'#'", '"""a"b"#"""', "<u:#>", "<u:\\u0041#>", "<u:'>", "'a'@en-from", "'\\'#'", '"\\u0027"', '"#\\n"',
    "'''\\'''#'''", "3.e1", "-.5", "true", "'SERVICE'",
)  # fmt: skip


def accepted_by_engine(text: str, *, update: bool) -> bool:
    """Whether the engine reads it. Over an empty store no pattern behind another is tried, and nothing is fetched."""
    try:
        ox.Store().update(text) if update else ox.Store().query(text)
    except SyntaxError:
        return False
    except (OSError, ValueError, RuntimeError):
        return True
    return True


@st.composite
def disguised(draw: st.DrawFn, texts: tuple[str, ...]) -> str:
    """A text that reaches out, with odd gaps between some tokens, a term that may look like another, odd letters."""
    tokens = [token for token in tokens_of(draw(st.sampled_from(texts))) if token.strip()]
    odd = draw(st.dictionaries(st.integers(0, len(tokens)), st.sampled_from(GAPS), max_size=3))
    if draw(st.booleans()):
        tokens = [token if token == "DECOY" else _recased(token) for token in tokens]
    if draw(st.booleans()):
        tokens = [token if token == "DECOY" else _escaped(token) for token in tokens]
    decoy = draw(st.sampled_from(DECOYS))
    return "".join(f"{decoy if token == 'DECOY' else token}{odd.get(at, ' ')}" for at, token in enumerate(tokens))


def _recased(token: str) -> str:
    return token.lower() if token.isalpha() else token


def _escaped(token: str) -> str:
    return f"\\u{ord(token[0]):04X}{token[1:]}" if token.isalpha() else token


def reaches_out(text: str, *, update: bool) -> bool:
    """Whether the engine reads the text, and sees the dangerous word: with that spoilt, it reads it no more."""
    spoilt = text
    for word in ("SERVICE", "LOAD", "FROM", "service", "load", "from"):
        for shape in (word, _escaped(word)):
            spoilt = spoilt.replace(f"{shape} ", "§ ").replace(f"{shape}\r", "§\r").replace(f"{shape}\n", "§\n")
    return accepted_by_engine(text, update=update) and not accepted_by_engine(spoilt, update=update)


@settings(max_examples=200, deadline=None)
@given(disguised(QUERIES))
def test_no_disguise_gets_a_query_past_the_guard(text: str) -> None:
    if reaches_out(text, update=False):
        with pytest.raises(BadQuery):
            admit(text, lambda _: False)


@settings(max_examples=200, deadline=None)
@given(disguised(UPDATES))
def test_no_disguise_gets_an_update_past_the_guard(text: str) -> None:
    if reaches_out(text, update=True):
        with pytest.raises(BadQuery):
            admit_update(text)
