"""Any carrier with an HTTP API, described by a setting: where to, with what, and where its answer has the id."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, HttpUrl

from service.messages.letters import Letter
from workers.providers.asking import SECONDS, Api
from workers.providers.carrier import InDoubt, NotNow, Refused

_TAKEN = 409  # it has met this id: it may have gone out, when its answer was lost
_OURS_TO_MEND = frozenset({401, 402, 403, 404, 405, 407, 415})


class Described(BaseModel):
    """How to hand a message to this carrier. Texts of the body may name fields of the message in curly brackets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: HttpUrl
    method: Annotated[str, Field(pattern="^(POST|PUT)$")] = "POST"
    headers: dict[str, str] = {}
    body: dict[str, Any]
    id: str = ""  # a JSON pointer into the answer


class ByHttp:
    """A carrier for anything. It can't be asked; receivers that know `{id}` take a message once."""

    name = "http"
    can_tell = False
    doubt_seconds = 150.0

    def __init__(self, described: Described, *, seconds: float = SECONDS) -> None:
        self._described = described
        self._api = Api(str(described.url), headers=described.headers, seconds=seconds)

    async def send(self, letter: Letter) -> str | None:
        """Hand it over; the id in the answer, where the setting says that there is one."""
        said = await self._api.ask(self._described.method, "", json=_filled(self._described.body, _names(letter)))
        if said.done:
            found = said.at(self._described.id) if self._described.id else None
            return None if found is None else str(found)
        reason = f"http_{said.status}"
        if said.status == _TAKEN:
            raise InDoubt(reason)
        raise NotNow(reason) if said.status in _OURS_TO_MEND else Refused(reason)

    async def look_up(self, letter: Letter) -> None:
        """Not asked: it can't tell."""

    async def close(self) -> None:
        """Hang up."""
        await self._api.close()


def _names(letter: Letter) -> dict[str, str]:
    return {
        "id": letter.tag,
        "recipient": letter.recipient,
        "sender": letter.sender,
        "sender_name": letter.sender_name,
        "subject": letter.subject or "",
        "text": letter.text,
        "html": letter.html_with_qr() or "",
        "language": letter.language,
        "kind": letter.kind,
        "opt_out": letter.opt_out or "",
    }


def _filled(part: Any, names: dict[str, str]) -> Any:
    """The same with names filled in. A text that is one name alone, or holds several; nothing else is understood."""
    if isinstance(part, dict):
        return {key: _filled(value, names) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, names) for value in part]
    if not isinstance(part, str):
        return part
    pieces = part.split("{")
    filled = pieces[0]
    for piece in pieces[1:]:
        name, closed, after = piece.partition("}")
        filled += names[name] + after if closed and name in names else "{" + piece
    return filled
