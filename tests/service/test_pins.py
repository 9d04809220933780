"""PINs at rest: worth nothing without our secret, and moved to the newest one as they are used."""

from service.pins import Pins
from tests.shop import settings_for

OLD, NEW = "o" * 40, "n" * 40


def pins(*secrets: str) -> Pins:
    """What a process with these secrets knows."""
    return Pins(settings_for("postgresql://nowhere/").model_copy(update={"token_keys": tuple(map(_secret, secrets))}))


def _secret(text: str) -> object:
    return type(settings_for("postgresql://nowhere/").token_keys[0])(text)


async def test_a_pin_is_recognised_under_the_secret_it_was_kept_with() -> None:
    kept = await pins(OLD).hash("4071")
    assert await pins(OLD).verify("4071", kept)
    assert await pins(OLD).verify("4072", kept) is None
    assert await pins(NEW).verify("4071", kept) is None


async def test_a_pin_under_an_old_secret_still_counts_and_is_outdated() -> None:
    kept = await pins(OLD).hash("4071")
    agreed = await pins(NEW, OLD).verify("4071", kept)
    assert agreed is not None
    assert agreed.outdated


async def test_nobody_s_pin_is_nothing() -> None:
    assert await pins(OLD).verify("4071", None) is None
