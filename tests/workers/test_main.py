"""What the worker reads of its settings."""

import pytest

from workers.main import redis_settings


@pytest.mark.parametrize(
    ("url", "host", "port", "password", "ssl"),
    [
        ("redis://cache:6380/2", "cache", 6380, None, False),
        ("redis://:p%40ss%2Fword@cache", "cache", 6379, "p@ss/word", False),
        ("rediss://user:secret@cache:6380", "cache", 6380, "secret", True),
    ],
)
def test_redis_is_found_by_its_address(url: str, host: str, port: int, password: str | None, ssl: bool) -> None:  # noqa: FBT001
    found = redis_settings(url)
    assert (found.host, found.port, found.password, found.ssl) == (host, port, password, ssl)
    assert found.ssl_check_hostname is ssl  # who speaks TLS wants to know with whom


def test_sentinels_are_found_by_theirs() -> None:
    found = redis_settings("sentinel://user:se%40cret@one:26380,two/orders")
    assert found.sentinel
    assert found.host == [("one", 26380), ("two", 26379)]
    assert (found.sentinel_master, found.username, found.password) == ("orders", "user", "se@cret")


def test_nobody_waits_in_the_library_for_redis() -> None:
    assert redis_settings("redis://cache").conn_retries == 0
