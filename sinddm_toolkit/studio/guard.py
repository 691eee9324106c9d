"""Who may ask: the token, Host and Origin are checked before anything else is looked at.

A page of another site can send requests to a server on loopback, and by DNS rebinding even read
what it answers; another user of the machine can reach it too. So every request needs the token, and
a Host and an Origin that are the server's own.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
import socket
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinddm_toolkit.studio.answers import BUG, Refusal, refused

logger = logging.getLogger(__name__)

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ANY = ("0.0.0.0", "::", "")
JSON_BYTES = 16 * 2**20
FILE_BYTES = 512 * 2**20
"""Of the body of a request, without and with files."""


class Hosts:
    """The names by which the server may be called."""

    def __init__(self, host: str, port: int) -> None:
        """`host` is what the server listens at."""
        named = {host, f"[{host}]", *LOOPBACK}
        if host in ANY:
            named |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        self._names = {name.lower() for name in named}
        self._port = port
        self._takes_numbers = host in ANY

    def has(self, written: str) -> bool:
        """Whether the Host header `written` is one of them. A number can't be rebound."""
        name, _, port = written.lower().rpartition(":") if _has_port(written) else (written, "", "")
        if (port or "80") != str(self._port):
            return False
        return name.lower() in self._names or (self._takes_numbers and _is_number(name))


def _has_port(written: str) -> bool:
    return written.rpartition(":")[2].isdigit() and not written.endswith("]")


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


class Guard:
    """Lets through to `app` what may ask, and puts the safe headers onto every answer."""

    def __init__(self, app: ASGIApp, token: str, hosts: Hosts, port: int) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = hosts
        self._cookie = f"sinddm-studio-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no websockets here
            return
        begun = False

        async def send_safely(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._answer(scope)
        try:
            if answer is None:
                await self._app(scope, _limited(scope, receive), send_safely)
                return
        except Exception:  # has been answered, if an answer had not begun before
            logger.exception("a request could not be answered: %s", scope["path"])
            if begun:
                return
            answer = refused(500, BUG)
        await answer(scope, receive, send_safely)

    def _answer(self, scope: Scope) -> Response | None:
        """What to say to a request that goes no further; None if it does."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._hosts.has(hosts[0]):
            return refused(403, "Host is not this server's: open the address that it printed")
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin):
            return refused(403, "Origin is another site's")
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["path"] == "/" and self._is_token(query.pop("token", [""])[0]):
            return self._let_in(query)
        if self._is_token(self._shown(headers)):
            return None
        if scope["path"].startswith("/api"):
            return refused(401, "the token is missing or wrong: Authorization: Bearer TOKEN")
        text = "Open the address that the command has printed: it holds a token.\n"
        return PlainTextResponse(text, 401)

    def _is_own(self, origin: str) -> bool:
        scheme, _, host = origin.partition("://")
        return scheme == "http" and self._hosts.has(host)

    def _shown(self, headers: Headers) -> str:
        """The token that a request has with it, as a program or as a page."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return token.strip()
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "replace"), self._token)

    def _let_in(self, query: Mapping[str, list[str]]) -> Response:
        """Give the token to the page, and hide it from its address."""
        rest = urlencode(query, doseq=True, safe=",")
        answer = RedirectResponse(f"/?{rest}" if rest else "/", 303)
        answer.set_cookie(
            self._cookie, self._token.decode(), httponly=True, samesite="strict", path="/"
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _limited(scope: Scope, receive: Receive) -> Receive:
    """`receive` of bodies that are no larger than they may be; else Refusal."""
    headers = Headers(scope=scope)
    is_form = headers.get("content-type", "").startswith("multipart/form-data")
    most = FILE_BYTES if is_form else JSON_BYTES
    told = headers.get("content-length", "")
    too_large = Refusal(413, f"the body is larger than {most >> 20} MB")
    come = 0

    async def receive_limited() -> Message:
        nonlocal come
        if told.isdigit() and len(told) < 20 and int(told) > most:
            raise too_large
        message = await receive()
        come += len(message.get("body", b""))
        if come > most:
            raise too_large
        return message

    return receive_limited
