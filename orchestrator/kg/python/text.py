"""The text of a Python file as UTF-8, after the rules of PEP 263. Used by the build, before extraction."""

import codecs
import io
import tokenize

from orchestrator.kg.facts import Skipped


def python_text(path: str, data: bytes) -> tuple[bytes | None, Skipped | None]:
    """The text, or why the file is not parsed."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        reason = "unknown encoding" if "unknown encoding" in str(error.msg) else "not UTF-8"
        return None, Skipped(path, reason, str(error.msg)[:200])
    if encoding in ("utf-8", "utf-8-sig"):
        plain = data.removeprefix(codecs.BOM_UTF8)
        try:
            plain.decode("utf-8")
        except UnicodeDecodeError as error:
            return None, Skipped(path, "not UTF-8", f"byte {error.start}, and no encoding is declared")
        return plain, None
    try:
        return data.decode(encoding).encode("utf-8"), None
    except (UnicodeError, LookupError) as error:
        return None, Skipped(path, "not the declared encoding", f"not {encoding} as declared: {error}"[:200])
