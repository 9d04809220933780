"""Where a webhook may go: to addresses of the outside, and never to one of ours."""

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

LONGEST = 2000  # characters
DEFAULT_PORTS = {"https": 443, "http": 80}
OPEN_PORTS = 1024  # from here on; below it, only those of HTTP

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?][!\"$-\[\]-~]*)?",  # no fragment, no backslash
    re.IGNORECASE,
)
"""So narrow that every parser of URLs reads the same in what fits it: no userinfo, no escapes before the path."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?", re.IGNORECASE)
"""The last label begins with a letter: 2130706433, 127.1 and 0x7f.1 are no names, and no addresses either."""

_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NOT_OUTSIDE = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4",
            "168.63.129.16/32",  # the metadata of a cloud, at an address that looks like any other
            "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",  # tunnels to IPv4, documentation
        ),
    )
)  # fmt: skip
"""What the standard library takes for global in some versions, and is not, or is not for us."""


def fault(url: str, *, private: bool) -> str | None:
    """What keeps this URL from being sent webhooks; None: nothing, as far as the URL tells.

    A name may still stand for an address inside: `may_reach` judges what it resolves to, at every attempt.
    """
    found = _URL.fullmatch(url)
    if found is None or len(url) > LONGEST:
        return f"give a URL of {LONGEST} characters at most, in ASCII, without user, password and fragment"
    scheme, host = found["scheme"].lower(), found["host"].lower()
    if scheme != "https" and not (private and scheme == "http"):
        return "give an address that begins with https://"
    port = int(found["port"] or DEFAULT_PORTS[scheme])
    if port not in DEFAULT_PORTS.values() and not OPEN_PORTS <= port <= 65535:  # noqa: PLR2004 -- the last port
        return "this port is not one of HTTP: use 443, or one from 1024 on"
    if address := literal(host):
        return None if may_reach(address, private=private) else "this address is not one of the public internet"
    if not _NAME.fullmatch(host) or len(host) > 253 or not (private or "." in host):  # noqa: PLR2004 -- RFC 1035
        return "this is no name of a host on the public internet"
    return None


def literal(host: str) -> str | None:
    """The address that stands in a URL in place of a name, if one does."""
    try:
        return str(ipaddress.IPv6Address(host[1:-1]) if host.startswith("[") else ipaddress.IPv4Address(host))
    except ValueError:
        return None


def may_reach(address: str, *, private: bool) -> bool:
    """Whether requests may go to this address; `private`: also to the own network, but never to the machine's link."""
    try:
        ip = _inner(ipaddress.ip_address(address))
    except ValueError:
        return False
    if ip.is_multicast or ip.is_unspecified or ip.is_link_local:
        return False
    if private and ip.is_private:
        return True
    if isinstance(ip, IPv6Address) and ip not in _UNICAST:
        return False
    return ip.is_global and not any(ip in network for network in _NOT_OUTSIDE if _same_kind(ip, network))


def _inner(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address at which this IPv6 address ends up, where it does."""
    if isinstance(ip, IPv6Address):
        return ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else ip)
    return ip


def _same_kind(ip: IPv4Address | IPv6Address, network: IPv4Network | IPv6Network) -> bool:
    return ip.version == network.version
