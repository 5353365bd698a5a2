"""All tests of the architecture read the same syntax trees: in one process, and gone when the last has ended."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture import source

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == _HERE:
            item.add_marker(pytest.mark.xdist_group("architecture"))


@pytest.fixture(scope="package", autouse=True)
def trees_while_they_are_read() -> Iterator[None]:
    """Three hundred megabytes of small objects: collecting among them found nothing and took longer than parsing."""
    gc.disable()
    yield
    source.tree.cache_clear()
    gc.enable()
    gc.collect()
