"""Encrypts secrets that rest in the database: tokens of outside accounts, passwords of MCP servers, log-in flows.

Used by every service that stores a secret. Fernet with several keys: the newest encrypts, all decrypt, so that keys
can be replaced without losing what is stored. Where the keys come from is not its business.
"""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from orchestrator.core.errors import NotConfigured


class SecretBox:
    """Turns text into text that only holders of the keys can read or make. Keys never show in repr or errors."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            fernets = [Fernet(key.strip()) for key in keys if key.strip()]
        except ValueError:
            # The cause would carry the key.
            raise NotConfigured("ENCRYPTION_KEYS holds something that is no Fernet key", hint=_HINT) from None
        if not fernets:
            raise NotConfigured("there is no key to encrypt secrets with", hint=_HINT)
        self._fernets = MultiFernet(fernets)

    def encrypt(self, secret: str) -> str:
        """The sealed form of a secret, URL-safe text."""
        return self._fernets.encrypt(secret.encode()).decode()

    def decrypt(self, sealed: str, *, max_age: int | None = None) -> str:
        """The secret; NotConfigured when no key fits, it was changed, or it is older than ``max_age`` seconds."""
        try:
            return self._fernets.decrypt(sealed.encode(), ttl=max_age).decode()
        except (InvalidToken, ValueError) as error:
            raise NotConfigured("a stored secret cannot be read with the present keys", hint=_LOST) from error

    def rotate(self, sealed: str) -> str:
        """The same secret sealed anew with the newest key."""
        try:
            return self._fernets.rotate(sealed.encode()).decode()
        except (InvalidToken, ValueError) as error:
            raise NotConfigured("a stored secret cannot be read with the present keys", hint=_LOST) from error


_HINT = "make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
_LOST = "ENCRYPTION_KEYS must keep every old key until all secrets are rotated"
