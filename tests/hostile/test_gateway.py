"""The server's door: names it answers to, what browsers may load, uploads that never touch the disk, and how many of them."""

from __future__ import annotations

import asyncio
import http.client
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request
from streamlit.proto.BackMsg_pb2 import BackMsg

from invviz.ui import gateway
from invviz.ui.gateway import AT_ONCE, FILES, MOST, Gateway, answers_to

HERE = "127.0.0.1:8501"
PUT = "/_stcore/upload_file/tab/{}"


def run(coroutine):
    """What comes of it, in a thread of its own: a browser of other tests keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def talk(
    app, path: str = "/", method: str = "GET", host: str = HERE, kind: str = "http", body: bytes = b"", form: str = ""
) -> tuple[int, dict, bytes]:
    """One request as an ASGI server hands it over; the status (of a socket its closing code), headers and body of what comes back."""
    headers = [(b"host", host.encode()), (b"content-type", form.encode())]
    scope = {"type": kind, "path": path, "method": method, "headers": headers, "query_string": b"", "http_version": "1.1"}
    said: list[dict] = []

    async def receive():
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        said.append(message)

    run(app(scope, receive, send))
    first = said[0]
    return first.get("status", first.get("code", 0)), dict(first.get("headers", [])), b"".join(m.get("body", b"") for m in said)


async def passed(scope, receive, send):
    """What stands behind the door."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept", "code": 1})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize(
    "host",
    [HERE, "127.0.0.1", "192.168.1.20:80", "[::1]:8501", "[fe80::1]", "localhost:8501", "LOCALHOST", "localhost.", socket.gethostname()],
)
def test_the_server_answers_to_its_number_and_its_names(host):
    assert answers_to(host) and talk(Gateway(passed), host=host)[0] == 200
    assert talk(Gateway(passed), host=host, kind="websocket")[0] == 1


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8501",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example@127.0.0.1",
        "",
        "a b",
        "127.0.0.1:80:80",
        "[evil]",
        "2130706433",
    ],
)
def test_a_name_that_somebody_has_pointed_here_is_refused_in_words(host):
    assert not answers_to(host)
    status, _, words = talk(Gateway(passed), host=host)
    assert status == 403 and b"does not answer to the name" in words and b"--server.allowedHosts NAME" in words
    assert talk(Gateway(passed), host=host, kind="websocket")[0] == 1008


def test_names_that_the_server_was_started_with(monkeypatch):
    real = gateway.config.get_option
    chosen = lambda name: ["class.example", "*.school.example"] if name == "server.allowedHosts" else real(name)  # noqa: E731
    monkeypatch.setattr(gateway.config, "get_option", chosen)
    assert answers_to("class.example:8501") and answers_to("lab.school.example") and answers_to(HERE)
    assert not answers_to("evil.example") and not answers_to("school.example.evil")


def test_browsers_load_nothing_from_elsewhere():
    policy = talk(Gateway(passed))[1][b"content-security-policy"].decode()
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    assert len(rules) > 8 and rules["object-src"] == ["'none'"] and rules["frame-ancestors"] == ["'self'"]
    own = {"'self'", "'none'", "'unsafe-inline'", "data:", "blob:", f"ws://{HERE}", f"wss://{HERE}"}
    assert {source for sources in rules.values() for source in sources} <= own


def multipart(size: int) -> tuple[bytes, str]:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return head + b"\0" * size + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"


def test_the_largest_upload_stays_in_memory(monkeypatch):
    """Whatever is above a megabyte was written to a temporary file of the disk."""
    opened = []
    for name in ("TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, lambda *_, **__: opened.append(1) or pytest.fail("a file was opened"))

    async def reader(scope, receive, send):
        form = await Request(scope, receive).form()
        opened.append(form["file"].file._rolled)
        await passed(scope, receive, send)

    body, kind = multipart(5 * 1024**2)
    assert talk(Gateway(reader), PUT.format("a"), "PUT", body=body, form=kind)[0] == 200 and opened == [False]


def test_one_tab_holds_a_few_files_and_sends_a_few_at_a_time(monkeypatch):
    held = {f"f{n}": b"" for n in range(FILES)}
    files = SimpleNamespace(file_storage={"tab": held})
    monkeypatch.setattr(
        gateway, "runtime", SimpleNamespace(exists=lambda: True, get_instance=lambda: SimpleNamespace(uploaded_file_mgr=files))
    )
    door = Gateway(passed)
    assert talk(door, PUT.format("f0"), "PUT")[0] == 200, "in place of one of them"
    status, _, words = talk(door, PUT.format("new"), "PUT")
    assert status == 429 and f"{FILES} files here".encode() in words and b"Reload" in words
    assert talk(door, PUT.format("new"), "DELETE")[0] == 200 and talk(door, PUT.replace("tab", "other").format("new"), "PUT")[0] == 200
    held.popitem()
    assert talk(door, PUT.format("new"), "PUT")[0] == 200

    async def many() -> list[int]:
        free, told = asyncio.Event(), []

        async def slow(scope, receive, send):
            await free.wait()
            await passed(scope, receive, send)

        door = Gateway(slow)

        async def one() -> None:
            async def send(message):
                told.append(message.get("status"))

            async def receive():
                return {"type": "http.request", "body": b"", "more_body": False}

            scope = {
                "type": "http",
                "path": PUT.format("f0"),
                "method": "PUT",
                "headers": [(b"host", HERE.encode()), (b"content-length", b"9")],
            }
            await door(scope, receive, send)

        tasks = [asyncio.create_task(one()) for _ in range(AT_ONCE + 4)]
        await asyncio.sleep(0.05)
        free.set()
        await asyncio.gather(*tasks)
        assert not door._coming
        return [status for status in told if status]

    assert sorted(run(many())) == [200] * AT_ONCE + [429] * 4


def test_one_tab_has_so_many_bytes_here_and_on_their_way(monkeypatch):
    """What is here counts, and what is coming by what it says; one that does not say counts as the largest that may come."""
    held = {"a": SimpleNamespace(data=bytes(MOST - 1_000))}
    files = SimpleNamespace(file_storage={"tab": held})
    monkeypatch.setattr(
        gateway, "runtime", SimpleNamespace(exists=lambda: True, get_instance=lambda: SimpleNamespace(uploaded_file_mgr=files))
    )
    door = Gateway(passed)

    def put(name: str, size: bytes, tab: str = "tab") -> tuple[int, bytes]:
        said: list[dict] = []

        async def send(message):
            said.append(message)

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = [(b"host", HERE.encode()), *([(b"content-length", size)] if size else [])]
        run(door({"type": "http", "path": PUT.replace("tab", tab).format(name), "method": "PUT", "headers": headers}, receive, send))
        return said[0]["status"], said[-1].get("body", b"")

    assert put("b", b"1000")[0] == 200
    status, words = put("b", b"1001")
    assert status == 413 and b"85 MB are taken" in words and b"Reload" in words
    assert put("b", b"")[0] == 413 and put("b", b"", "other")[0] == 200
    assert put("a", b"50000000")[0] == 200, "in place of what is here"
    assert not door._bytes


def test_the_app_stands_behind_it(server):
    """As Streamlit starts it: the door is there for pages, files and sockets."""
    where = urlsplit(server)

    def ask(host: str, path: str = "/", **headers: str) -> http.client.HTTPResponse:
        line = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
        line.request("GET", path, headers={"Host": host, **headers})
        return line.getresponse()

    socket_of = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
    }
    for path in ("/", "/risk", "/_stcore/health", "/static/nothing.js"):
        own = ask(where.netloc, path)
        assert own.status in (200, 404) and "img-src 'self' data: blob:" in own.headers["content-security-policy"]
        assert ask("evil.example", path).status == 403
    assert ask(where.netloc, "/_stcore/stream", **socket_of).status == 101
    for host in ("evil.example", "evil.example:80"):  # with the origin that fits: that alone was asked for
        assert ask(host, "/_stcore/stream", Origin=f"http://{host}", **socket_of).status == 403
    assert (Path(__file__).parents[2] / "app.py").read_text().count("Middleware(Gateway)") == 1


def test_messages_of_the_developer_menu_do_not_come_through():
    """Streamlit's own would empty the caches of all visitors; everything else comes in its order, broken frames and the end included."""
    move = BackMsg()
    move.rerun_script.query_string = "data=digits"
    sent = [
        {"type": "websocket.connect"},
        *(
            {"type": "websocket.receive", "bytes": m.SerializeToString()}
            for m in (BackMsg(clear_cache=True), move, BackMsg(load_git_info=True))
        ),
        {"type": "websocket.receive", "bytes": b"\xff\xff broken"},
        {"type": "websocket.receive", "text": "no frame of Streamlit"},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    heard, coming = [], iter(sent)

    async def app(scope, receive, send):
        while not heard or heard[-1]["type"] != "websocket.disconnect":
            heard.append(await receive())

    async def receive():
        return next(coming)

    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": [(b"host", HERE.encode())]}
    run(Gateway(app)(scope, receive, receive))
    assert heard == [sent[0], sent[2], *sent[4:]]
    assert set(gateway.MENU) <= {field.name for field in BackMsg.DESCRIPTOR.fields}, "Streamlit calls them otherwise now"
