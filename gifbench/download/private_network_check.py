"""Whether a URL may be followed: a manifest from the internet must not open networks here."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import quote, urlsplit

import idna

from gifbench.errors import Refused

_PUBLIC = ipaddress.IPv6Network("2000::/3")
"""All that is given out to be reached by everybody."""

_NOT_PUBLIC = (
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4, given up
    ipaddress.IPv6Network("3fff::/20"),  # for documentation; older versions of Python do not know it
)
_CARRIES_IPV4 = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # translated, RFC 6052
    ipaddress.IPv6Network("::ffff:0:0:0/96"),  # translated, RFC 2765
    ipaddress.IPv6Network("::/96"),  # compatible, RFC 4291, 2.5.5.1
)
_ISATAP = (0x5EFE, 0x0200_5EFE)  # RFC 5214: what stands before the IPv4 address
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_ASCII = re.compile(r"[^\x21-\x7e]+")


def ascii_url(url: str) -> str:
    """A URL as it is sent: its host by IDNA, blanks and letters beyond ASCII percent-encoded in UTF-8, no fragment.

    Raises `Refused` for what is no URL.
    """
    try:
        if _CONTROL.search(url):
            raise ValueError("it has control characters in it")
        parts = urlsplit(url.strip())
        netloc = parts.netloc
        if not netloc.isascii():
            # What stands before an @ is kept, so that it is seen and refused.
            login, at, place = netloc.rpartition("@")
            host, colon, port = place.partition(":")
            netloc = f"{login}{at}{idna.encode(host, uts46=True).decode()}{colon}{port}"
        path, query = (_NOT_ASCII.sub(lambda found: quote(found[0]), part) for part in (parts.path, parts.query))
    except ValueError as error:  # idna's errors and those of encoding are among them
        raise Refused(f"{url[:200]!r} is no URL ({error})") from error
    return parts._replace(netloc=netloc, path=path, query=query, fragment="").geturl()


def check_url(url: str, *, trusted: bool = False) -> tuple[str, str, int]:
    """The scheme, host and port of an http(s) URL; raises `Refused` for another, or for one in a private network."""
    try:
        parts = urlsplit(ascii_url(url))
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Refused(f"{url[:200]!r} is no URL ({error})") from error
    if parts.scheme not in ("http", "https"):
        raise Refused(f"{url[:200]!r}: only http:// and https:// are fetched")
    if not host or " " in url:
        raise Refused(f"{url[:200]!r} names no server, or has blanks in it")
    if parts.username is not None:
        raise Refused(f"{parts.scheme}://…@{host}: a URL with a user name in it is not fetched")
    if "\\" in parts.netloc or ("%" in host and ":" not in host):
        raise Refused(f"{url[:200]!r} is no URL: a server's name has no percent sign or backslash in it")
    if not trusted:
        name = host.rstrip(".")
        if name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
            raise Refused(f"{url[:200]!r} leads into a private network; --trust-manifest allows it")
        check_address(name)
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def check_address(text: str) -> None:
    """Raise `Refused` if `text` is an address, however it is written, that is not of the public internet.

    Names pass. An IPv6 address that carries one of IPv4, for whichever way across, is as public as that one.
    """
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(text.split("%", 1)[0])
    except ValueError:
        try:
            # As the system reads it: 127.1, 0x7f.1 and 2130706433 are all 127.0.0.1.
            address = ipaddress.IPv4Address(socket.inet_aton(text))
        except (OSError, UnicodeEncodeError):
            return
    carried = _carried(address)
    for each in (address, carried) if carried is None or address in _PUBLIC else (carried,):
        if each is not None and not _is_public(each):
            raise Refused(f"the address {address} is of a private network; --trust-manifest allows it")


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC:
        return False
    private = any(address.version == network.version and address in network for network in _NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not private


def _carried(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address in an IPv6 one: mapped, 6to4, translated, compatible, or of ISATAP."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    value = int(address)
    carries = any(address in network for network in _CARRIES_IPV4) and value > 1
    if carries or (value >> 32) & 0xFFFFFFFF in _ISATAP:
        return ipaddress.IPv4Address(value & 0xFFFFFFFF)
    return None
