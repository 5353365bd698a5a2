"""Keys and sealed secrets."""

import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from orchestrator.core.errors import NotConfigured, RateLimited
from orchestrator.core.secretbox import SecretBox
from orchestrator.services.keyfile import read_or_make
from orchestrator.services.limits import AttemptLimit, RequestLimit


def key() -> str:
    return Fernet.generate_key().decode()


def test_a_secret_comes_back_and_cannot_be_read_meanwhile() -> None:
    box = SecretBox([key()])
    sealed = box.encrypt("gho_secret")
    assert "gho_secret" not in sealed
    assert box.decrypt(sealed) == "gho_secret"


def test_old_keys_still_open_and_rotation_moves_to_the_newest() -> None:
    old, new = key(), key()
    sealed = SecretBox([old]).encrypt("x")
    both = SecretBox([new, old])
    assert both.decrypt(sealed) == "x"
    assert SecretBox([new]).decrypt(both.rotate(sealed)) == "x"


def test_a_changed_secret_or_a_lost_key_is_said_without_showing_anything() -> None:
    box = SecretBox([key()])
    sealed = box.encrypt("x")
    for wrong in (sealed[:-4] + "AAA=", "nonsense", "", "é"):
        with pytest.raises(NotConfigured, match="cannot be read"):
            box.decrypt(wrong)
        with pytest.raises(NotConfigured, match="cannot be read"):
            box.rotate(wrong)


def test_a_bad_key_is_refused_and_not_shown() -> None:
    with pytest.raises(NotConfigured) as refused:
        SecretBox(["not-a-key-but-secret"])
    assert "not-a-key-but-secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    with pytest.raises(NotConfigured):
        SecretBox([" "])


def test_a_key_file_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"
    numbers = count()
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_or_make(path, lambda: f"key-{next(numbers)}"), range(16)))
    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_a_key_file_that_others_can_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("k\n")
    path.chmod(0o644)
    assert read_or_make(path, key) == "k"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_empty_or_unreadable_key_file_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "folder").mkdir()
    for name in ("empty", "folder"):
        with pytest.raises(NotConfigured, match=name):
            read_or_make(tmp_path / name, key)


def test_a_bucket_refills_with_time() -> None:
    now = 0.0
    limit = RequestLimit(60, clock=lambda: now)
    for _ in range(10):
        limit.take("ada")
    with pytest.raises(RateLimited) as refused:
        limit.take("ada")
    assert refused.value.details == {"retry_after": 1}
    limit.take("bob")
    now = 1.0
    limit.take("ada")


def test_attempts_are_forgotten_with_time_and_forgiven_on_success() -> None:
    now = 0.0
    limit = AttemptLimit(2, 60, clock=lambda: now)
    limit.attempt("ada")
    limit.attempt("ada")
    with pytest.raises(RateLimited) as refused:
        limit.attempt("ada")
    assert refused.value.details == {"retry_after": 60}
    now = 60.0
    limit.attempt("ada")
    limit.attempt("ada")
    limit.forgive("ada")
    limit.attempt("ada")
    limit.take_back("ada")
    limit.attempt("ada")
