"""Ids that sort by time: UUIDv7 (RFC 9562), which Python and PostgreSQL 17 and older don't make themselves."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """Make an id: 48 bits of milliseconds, then 74 random ones."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0x2 << 62 | random & (1 << 62) - 1)
