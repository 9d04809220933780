"""Which URLs and addresses are of the outside, however they are spelled."""
# ruff: noqa: RUF001, S104 -- what nobody should write is what is tried here

import pytest

from service import addresses

OUTSIDE = ["8.8.8.8", "93.184.216.34", "2606:4700::6810:1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
INSIDE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "100.100.100.200", "169.254.169.254", "168.63.129.16", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1", "5f00::1", "localhost", "",
]  # fmt: skip
NEVER = ["169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:169.254.169.254", "nonsense"]


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_public_internet_may_be_reached(address: str) -> None:
    assert addresses.may_reach(address, private=False)
    assert addresses.may_reach(address, private=True)


@pytest.mark.parametrize("address", INSIDE)
def test_nothing_inside_may_be_reached(address: str) -> None:
    assert not addresses.may_reach(address, private=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"])
def test_the_own_network_may_be_reached_where_that_is_allowed(address: str) -> None:
    assert addresses.may_reach(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_the_link_is_never_reached(address: str) -> None:
    assert not addresses.may_reach(address, private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hooks",
        "https://shop.example",
        "HTTPS://Shop.Example:8443/hooks?key=a@b&x=%2F",
        "https://shop.example?x",
        "https://xn--caf-dma.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::6810:1]:443/",
    ],
)
def test_an_address_of_the_outside_will_do(url: str) -> None:
    assert addresses.fault(url, private=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "file:///etc/passwd",
        "ftp://shop.example/",
        "gopher://shop.example/",
        "//shop.example/",
        "shop.example",
        "https://",
        "https:///x",
        "https://user@shop.example/",
        "https://user:pass@shop.example/",
        "https://shop.example@127.0.0.1/",
        "https://127.0.0.1/",
        "https://127.0.0.1:8443/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://0/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://1.2.3.4.5/",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://localhost/",
        "https://localhost./",
        "https://intranet/",
        "https://shop.example./",
        "https://shop..example/",
        "https://-shop.example/",
        "https://shop_1.example/",
        "https://%6c%6f%63alhost/",
        "https://shop.example\\@127.0.0.1/",
        "https://shop.example/a\\b",
        "https://shop.example/#x",
        "https://shop.example/ x",
        "https://shop.example/\n",
        " https://shop.example/",
        "https://shop.example:22/",
        "https://shop.example:25/",
        "https://shop.example:0/",
        "https://shop.example:65536/",
        "https://shop.example:/",
        "https://shop.example/" + "x" * 2000,
        "https://" + "a" * 64 + ".example/",
        "https://" + "a." * 130 + "example/",
    ],
)
def test_what_may_lead_inside_is_refused(url: str) -> None:
    assert addresses.fault(url, private=False)


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/x", "http://receiver/", "http://127.0.0.1:9000", "http://[::1]/"]
)
def test_where_the_own_network_is_allowed_it_may_be_plain(url: str) -> None:
    assert addresses.fault(url, private=True) is None


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://a@localhost/", "http://2130706433/", "http://h:22/"]
)
def test_some_things_are_never_allowed(url: str) -> None:
    assert addresses.fault(url, private=True)
