"""A counter's device and its clerk, as the API meets them."""

from http.cookies import SimpleCookie
from typing import Any

from service.api.access import CLERK_COOKIE, DEVICE_COOKIE
from tests.service.api.conftest import Api, Told

PIN = "4071"


class Device:
    """A browser that was paired: it sends its cookies, and Origin as browsers do."""

    def __init__(self, api: Api, id: str, token: str) -> None:
        self.api = api
        self.id = id
        self.token = token
        self.cookies = {DEVICE_COOKIE: token}
        self.headers = {"Origin": api.url, "Sec-Fetch-Site": "same-origin"}

    async def ask(self, method: str, path: str, json: Any = None, **headers: str) -> Told:
        """Ask as this browser, and keep the cookies that come back."""
        sent = {
            **self.headers,
            **headers,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        told = await self.api.request(method, path, json=json, key="", headers={k: v for k, v in sent.items() if v})
        if kept := told.headers.get("Set-Cookie"):
            for name, morsel in SimpleCookie(kept).items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
        return told

    async def welcome(self, name: str = "Inès", pin: str = PIN, store: str = "lyon") -> str:
        """A clerk of the store; their id."""
        told = await self.api.post(f"/v1/stores/{store}/clerks", {"name": name, "pin": pin})
        assert told.status == 201, told.text
        return str(told.json["id"])

    async def enter(self, clerk: str, pin: str = PIN) -> Told:
        """Give a PIN."""
        return await self.ask("POST", "/v1/clerk-session", {"clerk": clerk, "pin": pin})

    @property
    def session(self) -> str | None:
        """What says who works here."""
        return self.cookies.get(CLERK_COOKIE)


async def prepare(api: Api, store: str = "lyon", name: str = "Left tablet") -> dict[str, Any]:
    """A device that waits to be paired."""
    told = await api.post("/v1/devices", {"store": store, "name": name})
    assert told.status == 201, told.text
    made: dict[str, Any] = told.json
    return made


async def pair(api: Api, store: str = "lyon", name: str = "Left tablet") -> Device:
    """A device that was paired."""
    made = await prepare(api, store, name)
    told = await api.post("/v1/devices/claim", {"code": made["pairing_code"]}, key="")
    assert told.status == 200, told.text
    return Device(api, told.json["id"], told.json["token"])
