"""`python -m service.manage devices`: what can be done with devices by hand."""

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import segno

from service import devices, settings
from service.callers import Caller
from service.database import Connection
from service.models.devices import DeviceBody

Connect = Callable[[], AbstractAsyncContextManager[Connection]]


def add(parser: argparse.ArgumentParser, connect: Connect, caller: Caller) -> None:
    """Add the commands: pair, list, revoke."""
    commands = parser.add_subparsers(required=True, metavar="command")

    pair = commands.add_parser("pair", help="Prepare a device and print the code that pairs it, once, in ten minutes.")
    pair.add_argument("store")
    pair.add_argument("name", help="what people call it, like 'left tablet'")
    pair.add_argument("--language", choices=("fr", "en"), help="of its screen (default: DEFAULT_LOCALE)")
    pair.set_defaults(run=lambda asked: _pair(asked, connect, caller))

    listing = commands.add_parser("list", help="List all devices.")
    listing.add_argument("--store", help="of this store alone")
    listing.set_defaults(run=lambda asked: _list(asked, connect, caller))

    revoke = commands.add_parser("revoke", help="Let a device open nothing any more, from five seconds on.")
    revoke.add_argument("id", help="the twelve characters that `list` begins with")
    revoke.set_defaults(run=lambda asked: _revoke(asked, connect, caller))


async def _pair(asked: argparse.Namespace, connect: Connect, caller: Caller) -> int:
    body = DeviceBody(store=asked.store, name=asked.name, language=asked.language)
    async with connect() as db, db.transaction():
        device, pairing = await devices.create(db, body, caller=caller, public_url=str(settings.read().public_url))
    print(f"{pairing.code}   {pairing.url}")
    print(f"{device.id} ({device.name}) waits for ten minutes.")
    if sys.stdout.isatty():
        segno.make(pairing.url).terminal(compact=True)
    return 0


async def _list(asked: argparse.Namespace, connect: Connect, caller: Caller) -> int:
    after: str | None = None
    async with connect() as db:
        while True:
            page = await devices.listed(db, caller, store=asked.store, after=after, limit=200)
            for device in page.items:
                used = f"used {device.last_used_at:%Y-%m-%d %H:%M}" if device.last_used_at else "never used"
                waits = "not paired" if device.paired_at is None else used
                state = "revoked" if device.revoked_at else waits
                print(f"{device.id}  {device.store:20}  {state:22}  {device.name}")
            after = page.next_cursor
            if after is None:
                return 0


async def _revoke(asked: argparse.Namespace, connect: Connect, caller: Caller) -> int:
    async with connect() as db, db.transaction():
        device = await devices.revoke(db, asked.id.removeprefix("cd_")[:12], caller=caller)
    print(f"{device.id} ({device.name}) is revoked.")
    return 0
