"""The outside world of the demo: mail and SMS that can be read on a page, a provider
of identities, a local YooKassa under /yookassa, and a local Telegram under /telegram.

    python -m sandbox.outside --port 8001 --smtp-port 8002

It listens on the loopback only and keeps nothing once it ends, except what YooKassa
knows when it is given a file.
"""

import argparse
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.inbox import Inbox, Message
from sandbox.mail_server import mail_server
from sandbox.oidc_provider import OidcProvider
from sandbox.sms import SmsProvider
from sandbox.telegram.app import Telegram
from sandbox.telegram.config import from_environment as telegram_config
from sandbox.yookassa.app import Emulator
from sandbox.yookassa.config import Config, from_environment
from sandbox.yookassa.connections import Breakable

# They open nothing but the demo on this machine.
OIDC_CLIENT, OIDC_SECRET = "tot-demo", "demo"
OIDC_EXAMPLE = "dispatcher@demo.example"

PAGE = """<!doctype html><html lang="ru"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh"
content="5"><title>Входящие — ТОТ, демо</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;
color-scheme:light dark}}article{{border:1px solid #8886;border-radius:.5rem;padding:.75rem
1rem;margin:.75rem 0}}small{{opacity:.7}}p{{white-space:pre-wrap;overflow-wrap:anywhere;
margin:.25rem 0}}</style></head><body><h1>Входящие</h1>
<p>Почта и SMS, которые отправило демо. Новые сверху.</p>{messages}</body></html>"""


class Outside:
    """Everything that the demo's application believes to be the outside world."""

    def __init__(self, yookassa: Config | None = None) -> None:
        self.mail, self.sms = Inbox(), Inbox()
        self.yookassa = Emulator(yookassa or from_environment())
        self.telegram = Telegram(telegram_config())
        self.identities = OidcProvider(OIDC_CLIENT, OIDC_SECRET, OIDC_EXAMPLE)

    async def read(self, request: Request) -> Response:
        inbox = self.mail if request.path_params["kind"] == "mail" else self.sms
        wanted = request.query_params.get("to")
        # A plus that was not escaped in the address arrives as a blank.
        return JSONResponse(inbox.read(wanted and wanted.replace(" ", "+")))

    async def page(self, request: Request) -> Response:
        both = [*self.mail.messages, *self.sms.messages]
        newest = sorted(both, key=lambda each: each.at, reverse=True)[:100]
        shown = "".join(map(_article, newest)) or "<p>Пока ничего.</p>"
        return HTMLResponse(PAGE.format(messages=shown))

    @asynccontextmanager
    async def living(self, _: Starlette) -> AsyncIterator[None]:
        async with self.yookassa.living(), self.telegram.living():
            yield

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/inbox/{kind:str}", self.read),
                Route("/inbox", self.page),
                *SmsProvider(self.sms).routes(),
                *self.identities.routes(),
                self.yookassa.mount(),
                self.telegram.mount(),
            ],
            lifespan=self.living,
        )


class Server(uvicorn.Server):
    """Answers those who wait for news first, or they would be cut off at the end."""

    def __init__(self, config: uvicorn.Config, outside: Outside) -> None:
        super().__init__(config)
        self.outside = outside

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.outside.telegram.close()
        await super().shutdown(sockets)


def _article(message: Message) -> str:
    parts = [f"<small>{escape(message.to)} · {message.at[11:19]} UTC</small>"]
    if message.subject:
        parts.append(f"<h3>{escape(message.subject)}</h3>")
    parts.append(f"<p>{escape(message.text)}</p>")
    return f"<article>{''.join(parts)}</article>"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--webhook-url", default="", help="of YooKassa; empty: none")
    parser.add_argument("--yookassa-state", default="", help="a file; empty: memory")
    wanted = parser.parse_args()
    outside = Outside(from_environment(wanted.webhook_url, wanted.yookassa_state))
    letters = mail_server(outside.mail, wanted.smtp_port)
    letters.start()
    try:
        config = uvicorn.Config(
            outside.application(),
            host="127.0.0.1",
            port=wanted.port,
            log_level="error",
            http=Breakable,
            timeout_graceful_shutdown=2,
        )
        Server(config, outside).run()
    finally:
        letters.stop()


if __name__ == "__main__":
    main()
