"""Identifiers: UUID version 7, so that rows sort by the time they were made. Used by everything that stores a row."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """A fresh UUID v7 (RFC 9562): 48 bits of milliseconds, then random bits."""
    millis = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = millis << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
