"""A lean HTTP/1.1 client: the load must not cost more than what it measures."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Wire:
    """One kept-alive connection on loopback; requests go one after the other."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def send(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Answer:
        """Send one request and read the whole answer."""
        await self.begin(method, path, body, **headers)
        answer = await self.read_head()
        assert self.reader is not None
        if answer.headers.get("transfer-encoding") == "chunked":
            return Answer(answer.status, answer.headers, await self._chunks())
        length = int(answer.headers.get("content-length", "0"))
        return Answer(
            answer.status, answer.headers, await self.reader.readexactly(length)
        )

    async def begin(self, method: str, path: str, body: bytes, **headers: str) -> None:
        """Send a request without waiting for the answer."""
        if self.writer is None or self.reader is None or self.reader.at_eof():
            opened = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
            self.reader, self.writer = opened
        lines = [f"{method} {path} HTTP/1.1", f"host: 127.0.0.1:{self.port}"]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        lines += [f"{name}: {value}" for name, value in (self.headers | named).items()]
        lines += [f"content-length: {len(body)}", "", ""]
        self.writer.write("\r\n".join(lines).encode() + body)
        await self.writer.drain()

    async def read_head(self) -> Answer:
        """Read the status line and the headers."""
        assert self.reader is not None
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            joined = headers.get(name.lower())
            headers[name.lower()] = f"{joined}, {value}" if joined else value
        return Answer(int(first.split()[1]), headers, b"")

    async def _chunks(self) -> bytes:
        parts = []
        while chunk := await self.chunk():
            parts.append(chunk)
        return b"".join(parts)

    async def chunk(self) -> bytes:
        """Read one chunk of a streamed answer; empty at the end."""
        assert self.reader is not None
        size = int((await self.reader.readline()).split(b";")[0], 16)
        data = await self.reader.readexactly(size)
        await self.reader.readexactly(2)
        return data

    async def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Send JSON."""
        text = json.dumps(body).encode()
        return await self.send("POST", path, text, content_type=JSON, **headers)

    def close(self) -> None:
        """Hang up."""
        if self.writer is not None:
            self.writer.close()


async def signed_in(port: int, login: str, password: str) -> str:
    """Sign in to the REST API; give the access token."""
    wire = Wire(port)
    answer = await wire.post("/v1/auth/login", {"login": login, "password": password})
    wire.close()
    demand(answer, 200)
    token: str = answer.json()["access_token"]
    return token


async def as_staff(port: int, login: str, password: str) -> Wire:
    """Sign in to the console; give a connection that carries the session."""
    wire = Wire(port, {"origin": f"http://127.0.0.1:{port}"})
    form = urlencode({"username": login, "password": password}).encode()
    answer = await wire.send(
        "POST", "/admin/login", form, content_type="application/x-www-form-urlencoded"
    )
    demand(answer, 303)
    cookies = answer.headers["set-cookie"].split(", ")
    session = next(each for each in cookies if "tot_staff=" in each)
    wire.headers["cookie"] = session.split(";")[0]
    return wire


def demand(answer: Answer, status: int) -> None:
    """Stop the benchmark at an unexpected answer: it would measure errors."""
    if answer.status != status:
        raise RuntimeError(
            f"{answer.status} instead of {status}: {answer.body[:500]!r}"
        )
