"""Room for so many requests at once: who finds none is told so at the door, before any work goes into what they ask."""

from types import TracebackType

from aiohttp import web

from service.errors import Busy

PER_CONNECTION = 50  # requests under way for each connection to PostgreSQL: more would only wait for one


class Room:
    """Counts who is inside; `with room:` raises Busy where it is full."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0

    def __enter__(self) -> None:
        """Come in. Raises Busy."""
        if self.inside >= self.most:
            raise Busy("Too many requests are under way already.", retry_after=1)
        self.inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave."""
        self.inside -= 1


ROOM: web.AppKey[Room] = web.AppKey("room", Room)
