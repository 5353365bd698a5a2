"""``rotate-keys``: seals every stored secret with the newest key, so that older ones can be dropped.

Works on the database of DATABASE_URL, else on the embedded one of DATA_DIR, whether the service runs or not.
"""

from orchestrator.config import Settings
from orchestrator.core.errors import NotConfigured
from orchestrator.core.secretbox import SecretBox
from orchestrator.embedded.pair import start_embedded
from orchestrator.models.database import Database, why_not_there
from orchestrator.services.secrets_at_rest import SecretsAtRest


async def rotate(settings: Settings) -> int:
    """Seal everything anew and say what was done; returns how many secrets that were."""
    given = settings.encryption_keys.get_secret_value()
    made = settings.data_dir / "encryption_key"
    if not given:
        hint = f"set ENCRYPTION_KEYS=<new key>,<old key>; the key that the service made for itself is in {made}"
        raise NotConfigured("there is no key to rotate to", field="ENCRYPTION_KEYS", hint=hint)
    box = SecretBox(given.split(","))
    if settings.database_url:
        return await _rotate(settings.database_url, box)
    pair = await start_embedded(settings.data_dir, redis=False)
    try:
        return await _rotate(pair.database_url, box)
    finally:
        await pair.stop()


async def _rotate(url: str, box: SecretBox) -> int:
    database = Database(url)
    try:
        total = await SecretsAtRest(database, box).rotate(_told)
    except Exception as error:
        why = why_not_there(error)
        if why is None:
            raise
        raise NotConfigured(f"DATABASE_URL: {why}", field="DATABASE_URL") from error
    finally:
        await database.close()
    print(f"{total} secrets are sealed with the newest key; the older keys can be dropped from ENCRYPTION_KEYS")
    return total


def _told(name: str, count: int) -> None:
    if count:
        print(f"{name}: {count}")
