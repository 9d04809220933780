"""All that one worker process does: its rounds by name, who wakes whom, and how it stops."""

import asyncio
import contextlib
from typing import Protocol

from service.database import Pool
from service.errors import Problem
from service.links import Links
from service.settings import Settings
from workers import callbacks, clocks, heartbeat, notifications, relay, upkeep, webhooks
from workers.heartbeat import Heartbeat
from workers.notifications import Sender
from workers.outside import Outside
from workers.providers.choose import choose
from workers.rounds import Round

SENDERS = 2  # for each carrier of a channel
STOP_SECONDS = 25  # for what is in hand when the worker is told to stop


class Bell(Protocol):
    """Wakes the rounds of all workers."""

    def ring(self, name: str) -> None:
        """Wake that round everywhere, soon."""

    async def listen(self) -> None:
        """Hear others ring, until cancelled."""


class Crew:
    """All rounds of one worker process, by name, and who wakes whom."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self.carriers = choose(settings, pool)
        self.heartbeat = Heartbeat(pool)
        self.bell: Bell | None = None
        self.senders = [
            Sender(pool, settings, channel, carrier, [one.name for one in carriers])
            for channel, carriers in self.carriers.items()
            for carrier in carriers
            for _ in range(SENDERS)
        ]
        self.webhooks = webhooks.Sender(
            pool, Outside(private=settings.allow_private_webhooks), sealer=Links(settings).sealer
        )
        self.rounds: dict[str, list[Round]] = {
            "send": [Round("send", sender.send_due, every=0.5) for sender in self.senders],
            "webhooks": [Round("webhooks", self.webhooks.send_due, every=0.5)],
            "relay": [Round("relay", lambda: relay.relay(pool, settings), every=0.05, then=self._there_is_mail)],
            "recover": [Round("recover", lambda: notifications.recover(pool), every=2, then=self._there_is_mail)],
            "reclaim": [Round("reclaim", lambda: webhooks.recover(pool), every=2, then=self._there_is_mail)],
            "callbacks": [Round("callbacks", callbacks.Reader(pool, settings).read_waiting, every=0.5)],
            "clocks": [Round("clocks", lambda: clocks.strike(pool), every=1)],
            "upkeep": [Round("upkeep", lambda: upkeep.tidy(pool, settings), every=600)],
            "heartbeat": [Round("heartbeat", self.heartbeat.beat, every=heartbeat.EVERY)],
        }

    def _there_is_mail(self) -> None:
        for name in ("send", "webhooks"):
            for sending in self.rounds[name]:
                sending.wake()
            if self.bell:
                self.bell.ring(name)

    async def work(self, stop: asyncio.Event, bell: Bell | None = None) -> None:
        """Go round until told to stop; then finish what is in hand, for a while. The bell wakes other workers too."""
        self.bell = bell
        rounds = [one for several in self.rounds.values() for one in several]
        working = [asyncio.create_task(one.run(), name=one.name) for one in rounds]
        listening = asyncio.create_task(self.bell.listen()) if self.bell else None
        await stop.wait()
        for sender in self.senders:
            sender.stop()
        for one in rounds:
            one.stop()
        working.append(asyncio.create_task(self.webhooks.stop()))
        if listening:
            listening.cancel()
            await asyncio.wait([listening], timeout=3)
        _, late = await asyncio.wait(working, timeout=STOP_SECONDS)
        for task in late:  # what it had begun is a doubt when its lease is over, and cleared as one
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for carrier in {carrier for carriers in self.carriers.values() for carrier in carriers}:
            await carrier.close()
        await self.webhooks.close()
        with contextlib.suppress(Problem):
            await self.heartbeat.leave()
