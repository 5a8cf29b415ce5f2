"""A browser tab without the browser: it speaks Streamlit's websocket in Streamlit's own protobufs, moves select sliders, presses buttons and uploads files."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs, UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from websockets.asyncio.client import ClientConnection, connect

LARGEST = 200 << 20  # bytes of one message


class Tab:
    """One connection, what the page shows in it, and what its widgets hold."""

    def __init__(self, url: str) -> None:
        """`url` as "http://127.0.0.1:8501/risk?data=digits": page and scenario."""
        self.url = urllib.parse.urlsplit(url)
        self.elements: dict[tuple[int, ...], Any] = {}  # what is drawn, by place
        self.fragments: dict[tuple[int, ...], str] = {}
        self.values: dict[str, WidgetState] = {}
        self.clocks: dict[str, float] = {}  # seconds between two runs of a part that draws itself again, by its name
        self.urls: dict[str, FileURLs] = {}
        self._hashes: dict[str, ForwardMsg] = {}
        self._socket: ClientConnection | None = None
        self._page = ""
        self.tables: set[str] = set()
        self._drawn: set[tuple[int, ...]] = set()  # places of this run

    async def open(self) -> None:
        """Connect and run the page once."""
        place = f"ws://{self.url.netloc}/_stcore/stream"
        self._socket = await connect(place, subprotocols=["streamlit"], max_size=LARGEST, compression=None, open_timeout=60)  # type: ignore[list-item]
        await self.run(page=self.url.path.strip("/"))

    async def close(self) -> None:
        """Close the tab, as the browser does it."""
        if self._socket is not None:
            await self._socket.close()

    async def run(self, changed: WidgetState | None = None, fragment: str = "", page: str | None = None, clock: bool = False) -> None:
        """Have the page, or a part of it, drawn, and wait until it is; a trigger (button) is sent once."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.fragment_id, state.is_auto_rerun = self.url.query, fragment, clock
        state.page_script_hash, state.page_name = ("", page) if page is not None else (self._page, "")
        sent = {**self.values, **({changed.id: changed} if changed else {})}
        state.widget_states.CopyFrom(WidgetStates(widgets=list(sent.values())))
        if changed and changed.WhichOneof("value") not in ("trigger_value", "string_trigger_value", "json_trigger_value"):
            self.values[changed.id] = changed
        await self.send(message)
        await self.drawn()

    async def send(self, message: BackMsg) -> None:
        """Send anything."""
        assert self._socket is not None
        await self._socket.send(message.SerializeToString())

    async def drawn(self, timeout: float = 120.0) -> None:
        """Take what comes until the run has ended."""
        async with asyncio.timeout(timeout):
            while True:
                found = await self.received()
                if found.WhichOneof("type") == "script_finished" and found.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return

    async def received(self) -> ForwardMsg:
        """The next message, and what it changes on the screen."""
        assert self._socket is not None
        message = ForwardMsg()
        message.ParseFromString(await self._socket.recv())  # type: ignore[arg-type]
        if message.WhichOneof("type") == "ref_hash":
            message.CopyFrom(self._hashes.get(message.ref_hash, ForwardMsg()))
        elif message.metadata.cacheable:
            self._hashes[message.hash] = message
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
            self._drawn.clear()
        elif kind == "navigation":
            self._page = message.navigation.page_script_hash  # the page that it has come to
        elif (
            kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        ):  # what a whole run has not drawn is gone
            self.elements = {place: element for place, element in self.elements.items() if place in self._drawn}
        elif kind == "auto_rerun":
            self.clocks[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "page_info_changed":
            self.url = self.url._replace(query=message.page_info_changed.query_string)
        elif kind == "file_urls_response":
            self.urls = {found.file_id: found for found in message.file_urls_response.file_urls}
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            place = tuple(message.metadata.delta_path)
            self.elements[place] = message.delta.new_element
            self.fragments[place] = message.delta.fragment_id
            self._drawn.add(place)
        return message

    def named(self, kind: str, label: str) -> tuple[Any, str]:
        """The first widget of a kind whose label begins so, and the part of the page that it draws again (empty: all)."""
        for place, element in self.elements.items():
            if element.WhichOneof("type") == kind and getattr(element, kind).label.startswith(label):
                return getattr(element, kind), self.fragments[place]
        shown = [getattr(e, kind).label for e in self.elements.values() if e.WhichOneof("type") == kind]
        raise LookupError(f"no {kind} {label!r} on the page; there are {shown}")

    async def slide(self, label: str, place: int) -> None:
        """Move a select slider to one of its places, counted round; one that answers in the browser tells of it as its script does."""
        for where, element in self.elements.items():
            given = json.loads(element.bidi_component.json or "{}") if element.WhichOneof("type") == "bidi_component" else {}
            if given.get("kind") == "slider" and given["label"].startswith(label):
                told = [{"event": "moved", "value": {"at": given["stops"][place % len(given["stops"])], "have": self._tables()}}]
                name = f"$$STREAMLIT_INTERNAL_KEY_{element.bidi_component.id}__events"
                await self.run(WidgetState(id=name, json_trigger_value=json.dumps(told)), self.fragments[where])
                return
        slider, fragment = self.named("slider", label)
        chosen = slider.options[place % len(slider.options)]
        await self.run(WidgetState(id=slider.id, string_array_value={"data": [chosen]}), fragment)

    def _tables(self) -> list[str]:
        """Names of what sliders are drawn from, as far as it has come."""
        found = [
            e.bidi_component.bytes for e in self.elements.values() if e.WhichOneof("type") == "bidi_component" and e.bidi_component.bytes
        ]
        self.tables |= {json.loads(b[4 : 4 + int.from_bytes(b[:4], "little")])["name"] for b in found}
        return sorted(self.tables)

    async def press(self, label: str) -> None:
        """Press a button."""
        button, fragment = self.named("button", label)
        await self.run(WidgetState(id=button.id, trigger_value=True), fragment)

    async def upload(self, label: str, name: str, data: bytes) -> None:
        """Give a file to a file uploader: ask where to, put it there, tell the page."""
        uploader, fragment = self.named("file_uploader", label)
        ask = BackMsg()
        ask.file_urls_request.request_id = "one"
        ask.file_urls_request.file_names.append(name)
        ask.file_urls_request.session_id = ""
        await self.send(ask)
        self.urls = {}
        while not self.urls:
            await self.received()
        where = next(iter(self.urls.values()))
        await asyncio.to_thread(self._put, where.upload_url, name, data)
        given = WidgetState(id=uploader.id)
        given.file_uploader_state_value.uploaded_file_info.append(
            UploadedFileInfo(file_id=where.file_id, name=name, size=len(data), file_urls=where)
        )
        await self.run(given, fragment)

    def _put(self, place: str, name: str, data: bytes) -> None:
        bound = "a-boundary-that-is-in-no-picture"
        head = f'--{bound}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
        body = head.encode() + data + f"\r\n--{bound}--\r\n".encode()
        request = urllib.request.Request(f"http://{self.url.netloc}{place}", body, method="PUT")
        request.add_header("Content-Type", f"multipart/form-data; boundary={bound}")
        with urllib.request.urlopen(f"http://{self.url.netloc}/_stcore/health", timeout=60) as answer:
            cookie = (answer.headers["Set-Cookie"] or "").split(";")[0]  # proves that the page of this server asks, not one of another
        request.add_header("Cookie", cookie)
        request.add_header("X-Xsrftoken", cookie.partition("=")[2].strip('"'))
        urllib.request.urlopen(request, timeout=60).close()

    def words(self) -> str:
        """All text that is drawn outside of widgets."""
        texts = [e.markdown.body for e in self.elements.values() if e.WhichOneof("type") == "markdown"]
        texts += [e.alert.body for e in self.elements.values() if e.WhichOneof("type") == "alert"]
        return " ".join(texts + [json.dumps(e.exception.message) for e in self.elements.values() if e.WhichOneof("type") == "exception"])
