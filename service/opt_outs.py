"""Who wants no more messages: by channel and address, of which only a keyed hash is kept."""

import hmac
from collections.abc import Iterable

from service import queries
from service.database import Connection
from service.settings import Settings

SQL = queries.load("opt_outs")


class OptOuts:
    """The list of those who opted out, read with this deployment's keys; it can't be read from the database alone.

    The hash's key is derived from the first of TOKEN_KEYS; what was noted under an older one counts as long as that
    key is in the list, and is carried over to the newest when its address is met again.
    """

    def __init__(self, settings: Settings) -> None:
        keys = (key.get_secret_value().encode() for key in settings.token_keys)
        self._keys = [hmac.digest(key, b"opt-out of messages", "sha256") for key in keys]

    def _hashes(self, channel: str, address: str) -> list[bytes]:
        """The hashes of an address, that of the newest key first; capitals and blanks around it say nothing."""
        said = f"{channel}:{address.strip().casefold()}".encode()
        return [hmac.digest(key, said, "sha256") for key in self._keys]

    async def add(self, db: Connection, channel: str, address: str, *, reason: str, by: str) -> bool:
        """Note that nothing more goes there; why (stop, link, carrier) and by whom. False: it was noted before."""
        if await self.is_out(db, channel, address):
            return False
        return bool(
            await SQL["add"].run(db, channel=channel, hash=self._hashes(channel, address)[0], reason=reason, by=by)
        )

    async def remove(self, db: Connection, channel: str, address: str) -> bool:
        """Let messages go there again. False: they did."""
        return bool(await SQL["remove"].run(db, channel=channel, hashes=self._hashes(channel, address)))

    async def is_out(self, db: Connection, channel: str, address: str) -> bool:
        """Whether this address wants no messages on this channel."""
        return bool(await self.among(db, channel, [address]))

    async def among(self, db: Connection, channel: str, addresses: Iterable[str]) -> set[str]:
        """Which of these addresses want no messages on this channel."""
        hashes = {address: self._hashes(channel, address) for address in addresses}
        every = [hash for several in hashes.values() for hash in several]
        found = {row["address_hash"] for row in await SQL["found"].rows(db, channel=channel, hashes=every)}
        out = {address: found & set(several) for address, several in hashes.items()}
        for address, noted in out.items():
            newest = hashes[address][0]
            if noted and newest not in noted:
                await SQL["carry_over"].run(db, channel=channel, newest=newest, older=noted.pop())
        return {address for address, several in hashes.items() if found & set(several)}
