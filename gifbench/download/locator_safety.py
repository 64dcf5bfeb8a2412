"""Whether a URL may be followed: a manifest from the internet must not open networks here."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from urllib.parse import urlsplit

from gifbench.errors import Refused

_TRANSLATION = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_TRANSLATION = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def check_url(url: str, *, trusted: bool = False) -> tuple[str, str, int]:
    """The scheme, host and port of an http(s) URL; raises `Refused` for another, or for one in a private network."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Refused(f"{url[:200]!r} is no URL ({error})") from error
    if parts.scheme not in ("http", "https"):
        raise Refused(f"{url[:200]!r}: only http:// and https:// are fetched")
    if not host or _CONTROL.search(url):
        raise Refused(f"{url[:200]!r} names no server, or has blanks in it")
    if parts.username is not None:
        raise Refused(f"{parts.scheme}://…@{host}: a URL with a user name in it is not fetched")
    if not trusted:
        name = unicodedata.normalize("NFKC", host).rstrip(".")
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
    local = False
    if isinstance(address, ipaddress.IPv6Address):
        local = address.is_site_local or address in _LOCAL_TRANSLATION
        address = _carried(address) or address
    if local or not address.is_global or address.is_multicast:
        raise Refused(f"the address {address} is of a private network; --trust-manifest allows it")


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address in an IPv6 one: mapped, 6to4, translated (RFC 6052), or compatible (RFC 4291, 2.5.5.1)."""
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address in _TRANSLATION or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
