"""What stands before Streamlit at the server's door: which names it answers to, what browsers may load, and what one tab may send."""

from __future__ import annotations

import collections
import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from starlette.formparsers import MultiPartParser
from starlette.responses import PlainTextResponse
from streamlit import config, runtime
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline'; "  # Streamlit's page has a line of its own
    "worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; connect-src 'self' {sockets}; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-src 'self'; frame-ancestors 'self'"
)
"""Nothing is loaded from, or sent to, another host, whatever ends up on a page."""
MENU = ("clear_cache", "set_run_on_save", "load_git_info")
"""Kinds of messages that are for whoever writes an app; the menu that sends them is not shown here, but a visitor can send them by hand."""
FILES = 24  # that one tab has on the server at a time; a box drops the last ones when the next have come
AT_ONCE = 16  # uploads of one tab that are on their way: a browser sends all pictures of a choice at once
MOST = 85_000_000  # bytes that one tab has here and on their way: weights, records, and a second try of one of them
UPLOAD = re.compile(r".*/_stcore/upload_file/(?P<session>[^/]+)/(?P<file>[^/]+)/?")
FRAMING = 1024**2  # bytes around the file in a request, at most


class Gateway:
    """ASGI middleware: refuses in words what is not for this server, and adds the headers that keep browsers to it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._coming: collections.Counter[str] = collections.Counter()  # uploads on their way, by tab
        self._bytes: collections.Counter[str] = collections.Counter()  # and what they say they have
        # In memory as a whole: beyond this limit the form reader writes a file to a temporary one on the disk.
        MultiPartParser.spool_max_size = max(MultiPartParser.spool_max_size, config.get_option("server.maxUploadSize") * 1024**2 + FRAMING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or one connection."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if not answers_to(host):
            return await _refuse(scope, receive, send, 403, _stranger(host))
        if scope["type"] == "websocket":
            return await self._app(scope, lambda: _heard(receive), send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_headers(host)]
            await send(message)

        found = UPLOAD.fullmatch(scope["path"])
        if scope["method"] == "PUT" and found:
            return await self._upload(found["session"], found["file"], scope, receive, with_headers)
        return await self._app(scope, receive, with_headers)

    async def _upload(self, session: str, file: str, scope: Scope, receive: Receive, send: Send) -> None:
        held = _held(session)
        if len(held.keys() | {file}) > FILES or self._coming[session] >= AT_ONCE:
            words = f"This tab has {len(held)} files here and {self._coming[session]} on their way; at most {FILES} and {AT_ONCE} are taken. Reload the page."
            return await _refuse(scope, receive, send, 429, words)
        size, there = _announced(scope), sum(held.values()) - held.get(file, 0)
        if there + self._bytes[session] + size > MOST:
            words = f"This tab has {(there + self._bytes[session]) / 1e6:.0f} MB here and on their way, and would have {size / 1e6:.0f} MB more; at most {MOST // 10**6} MB are taken. Reload the page."
            return await _refuse(scope, receive, send, 413, words)
        self._coming[session] += 1
        self._bytes[session] += size
        try:
            await self._app(scope, receive, send)
        finally:
            self._coming[session] -= 1
            self._bytes[session] -= size
            if not self._coming[session]:
                del self._coming[session], self._bytes[session]


async def _heard(receive: Receive) -> Message:
    """The next message of a tab, but for those of Streamlit's developer menu (MENU): who visits a page does not clear what all others have cached."""
    while True:
        message = await receive()
        if not (message["type"] == "websocket.receive" and _of_the_menu(message.get("bytes") or b"")):
            return message


def _of_the_menu(data: bytes) -> bool:
    try:
        return BackMsg.FromString(data).WhichOneof("type") in MENU
    except DecodeError:  # Streamlit closes such a connection
        return False


def answers_to(host: str) -> bool:
    """Whether a Host header names this server: by its number, as localhost, by the machine's name, or by one of `--server.allowedHosts`.

    A page of another site whose name has been pointed at this machine (DNS rebinding) comes with that site's name.

    Example:
        >>> answers_to("127.0.0.1:8501"), answers_to("[::1]:8501"), answers_to("localhost"), answers_to("rebound.example:8501")
        (True, True, True, False)
    """
    found = re.fullmatch(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^:/@\[\]\s]+)(:\d{1,5})?", host)
    if not found:
        return False
    name = found["name"].strip("[]").lower().rstrip(".")
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return name in _names() or (bool(config.get_option("server.allowedHosts")) and is_host_allowed(host))


def _names() -> set[str]:
    own = socket.gethostname().lower()
    named = [config.get_option(f"{part}") for part in ("server.address", "browser.serverAddress") if config.is_manually_set(part)]
    return {"localhost", own, f"{own.partition('.')[0]}.local", *(str(one).lower() for one in named if one)}


def _stranger(host: str) -> str:
    return (
        f"This server does not answer to the name {host[:80]!r}. Open it by its number, as in http://127.0.0.1:{config.get_option('server.port')}, "
        "or start it with --server.allowedHosts NAME."
    )


def _headers(host: str) -> list[tuple[bytes, bytes]]:
    policy = POLICY.format(sockets=f"ws://{host} wss://{host}")
    return [
        (b"content-security-policy", policy.encode("latin-1")),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),  # an address holds what somebody looks at
    ]


def _held(session: str) -> dict[str, int]:
    """Files that a tab has on the server, by name, with their bytes."""
    if not runtime.exists():
        return {}
    storage: dict[str, Any] = getattr(runtime.get_instance().uploaded_file_mgr, "file_storage", {})
    return {name: len(getattr(one, "data", b"")) for name, one in dict(storage.get(session, {})).items()}


def _announced(scope: Scope) -> int:
    """Bytes of a request, as it says itself, which the server holds it to; the most that one may have where it does not say."""
    said = dict(scope["headers"]).get(b"content-length", b"")
    return int(said) if said.isdigit() else config.get_option("server.maxUploadSize") * 1024**2


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    await PlainTextResponse(words, status)(scope, receive, send)
