"""Reading an agent's input: a pydantic model in, a complaint of our own tree out. Used by every agent here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.core.errors import InvalidInput


class Options(BaseModel):
    """Base of every agent's input: unknown fields are refused, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


Model = TypeVar("Model", bound=BaseModel)


def read_options(model: type[Model], given: Mapping[str, Any], where: str = "input") -> Model:
    """The input as the model, or InvalidInput naming the field at fault."""
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join([where, *(str(part)[:100] for part in first["loc"])])
        raise InvalidInput(f"{path}: {first['msg']}", field=path) from error


def inside(root: Path, path: str, field: str) -> Path:
    """A path below the root, symlinks followed; InvalidInput when it leads out or is not there."""
    if not path or "\0" in path or len(path) > 4096:
        raise InvalidInput("A path is expected.", field=field)
    base = root.resolve()
    resolved = (base / path).resolve()
    if not resolved.is_relative_to(base) or not resolved.exists():
        raise InvalidInput(f"{path[:200]!r} is not in the project.", field=field)
    return resolved
