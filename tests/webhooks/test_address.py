from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.webhooks.address import (
    Allowed,
    Refused,
    Target,
    parse_allowed,
    parse_target,
    permit,
)

NOTHING = Allowed()

REFUSED_ADDRESSES = {
    "loopback": ["127.0.0.1", "127.255.255.254", "[::1]"],
    "unspecified": ["0.0.0.0", "0.1.2.3", "[::]"],
    "private": [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "[fc00::1]",
        "[fd12::1]",
    ],
    "carrier": ["100.64.0.1", "100.127.255.254", "100.100.100.200"],
    "link-local": ["169.254.1.1", "[fe80::1]", "[febf::1]"],
    "metadata": ["169.254.169.254", "[fd00:ec2::254]", "168.63.129.16", "192.0.0.192"],
    "multicast": ["224.0.0.1", "239.255.255.255", "[ff02::1]"],
    "reserved": ["240.0.0.1", "255.255.255.255", "[4000::1]", "[100::1]", "[5f00::1]"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "[2001:db8::1]", "[3fff::1]"],
    "benchmark": ["198.18.0.1", "198.19.255.255"],
    "IPv4-mapped": ["[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[::ffff:7f00:1]"],
    "IPv4-compatible": ["[::127.0.0.1]", "[::8.8.8.8]"],
    "6to4": ["[2002:7f00:1::]", "[2002:808:808::]", "192.88.99.1"],
    "NAT64": ["[64:ff9b::7f00:1]", "[64:ff9b::808:808]", "[64:ff9b:1::1]"],
    "Teredo": ["[2001:0:7f00:1::]", "[2001::1]"],
    "site-local": ["[fec0::1]"],
}

REFUSED_URLS = {
    "decimal": "https://2130706433/",
    "octal": "https://0177.0.0.1/",
    "octal by zeros": "https://127.000.000.001/",
    "hexadecimal": "https://0x7f.0.0.1/",
    "hexadecimal whole": "https://0x7f000001/",
    "short": "https://127.1/",
    "short by two": "https://127.0.1/",
    "too long": "https://1.2.3.4.5/",
    "out of range": "https://256.1.1.1/",
    "full-width digits": "https://１２７.0.0.1/",
    "circled digits": "https://①②⑦.0.0.1/",
    "a name not in punycode": "https://bücher.example/",
    "an ideographic stop": "https://127。0。0。1/",
    "user": "https://me@example.com/",
    "user and password": "https://me:secret@example.com/",
    "a user that looks like a host": "https://example.com@127.0.0.1/",
    "an escaped user": "https://example.com%40127.0.0.1/",
    "a fragment": "https://example.com/#@127.0.0.1",
    "a backslash": "https://example.com\\@127.0.0.1/",
    "a zone": "https://[fe80::1%25eth0]/",
    "a bad bracket": "https://[::1/",
    "words in brackets": "https://[localhost]/",
    "another scheme": "ftp://example.com/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://example.com/",
    "no scheme": "//example.com/",
    "no encryption": "http://example.com/",
    "no host": "https:///path",
    "no host but a port": "https://:443/",
    "an empty label": "https://a..b/",
    "a label of a dash": "https://-a.example/",
    "mail's port": "https://example.com:25/",
    "the shell's port": "https://example.com:22/",
    "port nought": "https://example.com:0/",
    "a port too high": "https://example.com:65536/",
    "a port of words": "https://example.com:https/",
    "a space": "https://example.com/a b",
    "a line break": "https://example.com/\r\nHost: x",
    "a NUL": "https://example.com/\x00",
    "too long a path": "https://example.com/" + "x" * 2000,
    "nothing": "",
}


@pytest.mark.parametrize("host", [host for hosts in REFUSED_ADDRESSES.values() for host in hosts])
def test_an_address_of_a_refused_kind_is_refused_written_out_and_behind_a_name(host: str) -> None:
    with pytest.raises(Refused, match="EARSHOT_WEBHOOK_ALLOW"):
        parse_target(f"https://{host}/hook", NOTHING)
    target = parse_target("https://innocent.example/hook", NOTHING)
    good, bad = ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address(host.strip("[]"))
    for found in ([bad], [good, bad], [bad, good]):
        with pytest.raises(Refused, match=r"innocent\.example stands for"):
            permit(target, found, NOTHING)


@pytest.mark.parametrize("name", REFUSED_URLS)
def test_a_url_of_a_refused_form_is_refused_before_its_name_is_resolved(name: str) -> None:
    with pytest.raises(Refused):
        parse_target(REFUSED_URLS[name], NOTHING)


ODD = [
    name
    for name in REFUSED_URLS
    if name not in ("no encryption", "mail's port", "the shell's port")
]


@pytest.mark.parametrize("name", ODD)
def test_no_setting_allows_an_odd_form(name: str) -> None:
    with pytest.raises(Refused):
        parse_target(REFUSED_URLS[name], parse_allowed(["0.0.0.0/0", "::/0", "example.com"]))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a/b?c=%20d&e",
        "https://EXAMPLE.com./",
        "https://xn--bcher-kva.example/",
        "https://my_hook.example/",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1::1]:444444/".replace("444444", "4444"),
        "https://example.com:80/",
    ],
)
def test_public_addresses_may_be_called(url: str) -> None:
    target = parse_target(url, NOTHING)
    public: Sequence[str] = ["93.184.216.34", "2606:2800:220:1::1"]
    assert permit(target, [ipaddress.ip_address(one) for one in public], NOTHING)


def test_a_target_is_parsed_once() -> None:
    assert parse_target("https://Example.com:8443?a", NOTHING) == Target(
        "https", "example.com", 8443, "/?a", None
    )
    assert parse_target("https://example.com/", NOTHING).authority == "example.com"
    v6 = parse_target("https://[2606:2800:220:1:0:0:0:1]:4444/", NOTHING)
    assert v6.authority == "[2606:2800:220:1::1]:4444"


def test_a_setting_allows_a_network_or_a_host_and_plain_http_to_it() -> None:
    network = parse_allowed(["127.0.0.0/8"])
    assert parse_target("http://127.0.0.1:22/", network)
    by_name = parse_target("http://receiver.internal/", network)
    assert permit(by_name, [ipaddress.ip_address("127.0.0.2")], network)
    for outside in ("10.0.0.1", "93.184.216.34"):  # not allowed, or only with https
        with pytest.raises(Refused):
            permit(by_name, [ipaddress.ip_address(outside)], network)
    with pytest.raises(Refused):
        parse_target("http://10.0.0.1/", network)
    host = parse_allowed(["Receiver.internal"])
    assert permit(
        parse_target("http://receiver.internal:25/", host), [ipaddress.ip_address("10.0.0.1")], host
    )
    with pytest.raises(Refused):
        parse_target("http://other.internal/", host)


@pytest.mark.parametrize("part", ["10.0.0.0/33", "a b", "10.0.0.1/8", "https://a", "*.internal"])
def test_a_setting_that_is_neither_network_nor_host_is_named(part: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        parse_allowed([part])


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_that_is_not_open_is_refused(address: ipaddress.IPv4Address) -> None:
    target = parse_target("https://innocent.example/", NOTHING)
    try:
        permit(target, [address], NOTHING)
    except Refused:
        return
    assert address.is_global
    assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_that_is_not_open_is_refused(address: ipaddress.IPv6Address) -> None:
    target = parse_target("https://innocent.example/", NOTHING)
    try:
        permit(target, [address], NOTHING)
    except Refused:
        return
    assert address in ipaddress.ip_network("2000::/3")
    assert address.sixtofour is None
    assert address.teredo is None
