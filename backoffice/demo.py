"""`make demo`: a seeded city, the application, and a day that simulates itself."""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.table import Table

from backoffice.running import demand_free_port, ready_database, serve
from backoffice.supervisor import Supervised
from services.config import Settings
from services.embedded_postgres import EmbeddedPostgres, embedded_folder

READY_SECONDS = 60
OIDC_EMAILS = ["dispatcher@demo.example", "curator@demo.example"]
TOLD_SETTINGS = (
    "oidc_issuer",
    "oidc_name",
    "oidc_client_id",
    "oidc_client_secret",
    "telegram_api_url",
    "telegram_bot_token",
    "telegram_bot_name",
)
YOOKASSA_STATE = "yookassa.sqlite"
out = Console()


class DemoFailed(RuntimeError):
    """The demo cannot go on; the text says why."""


def run(settings: Settings, *, speed: float, reset: bool) -> int:
    """Seed if needed, serve, and let the day run beside until a signal."""
    settings = with_outside(settings)
    for port in (settings.port, settings.sandbox_port, settings.smtp_port):
        demand_free_port(settings, port)
    if reset and not settings.database_url:
        EmbeddedPostgres(embedded_folder(settings)).destroy()
        reset = False
    with ready_database(settings):
        seed(reset=reset)
        day = Supervised(day_arguments(settings, speed), {}, None)
        outside = Supervised(outside_arguments(settings), {}, None)
        outside.start()
        threading.Thread(target=_begin, args=(settings, day), daemon=True).start()
        log_file = settings.data_dir / "demo.log"
        try:
            code = serve(settings, worker=True, log_file=log_file)
        finally:
            day.stop()
            outside.stop()
    if code:
        raise DemoFailed(f"The application ended by itself; {log_file} says why.")
    return code


def seed(*, reset: bool) -> None:
    """Fill the city in a process of its own, whose progress is shown here."""
    arguments = [sys.executable, "-m", "sandbox.seed"] + (["--reset"] if reset else [])
    done = subprocess.run(arguments, check=False)
    if done.returncode:
        raise DemoFailed("The demo data could not be made; see the lines above.")


def day_arguments(settings: Settings, speed: float) -> list[str]:
    """How the simulated day is started: as a stranger who only speaks HTTP."""
    return [
        "-m",
        "sandbox.day",
        f"--base-url={settings.base_url}",
        f"--speed={speed}",
        f"--logins={logins_file(settings)}",
        f"--telegram-url=http://127.0.0.1:{settings.sandbox_port}/telegram",
    ]


def with_outside(settings: Settings) -> Settings:
    """Point all that goes outside at the stand-ins, for us and our children."""
    port = settings.sandbox_port
    os.environ |= {
        "TOT_SMTP_HOST": "127.0.0.1",
        "TOT_SMTP_PORT": str(port + 1),
        "TOT_SMTP_TLS": "none",
        "TOT_SMS_URL": f"http://127.0.0.1:{port}/sms/send",
        "TOT_SANDBOX_PORT": str(port),
        "TOT_OIDC_ISSUER": f"http://127.0.0.1:{port}/oidc",
        "TOT_OIDC_NAME": "OpenID",
        "TOT_OIDC_CLIENT_ID": "tot-demo",
        "TOT_OIDC_CLIENT_SECRET": "demo",
        "TOT_OIDC_ALLOWED_EMAILS": json.dumps(OIDC_EMAILS),
        "TOT_YOOKASSA_API_URL": f"http://127.0.0.1:{port}/yookassa/v3",
        "TOT_YOOKASSA_SHOP_ID": "100500",
        "TOT_YOOKASSA_SECRET_KEY": "test_local_shop",
        "TOT_YOOKASSA_WEBHOOK_SECRET": secrets.token_urlsafe(24),
        "TOT_YOOKASSA_WEBHOOK_NETWORKS": '["127.0.0.1/32"]',
        "TOT_YOOKASSA_RECEIPTS": "true",
        "TOT_YOOKASSA_RECEIPT_EMAIL": "receipts@demo.example",
        "TOT_TELEGRAM_API_URL": f"http://127.0.0.1:{port}/telegram",
        "TOT_TELEGRAM_BOT_TOKEN": "7000000001:demo_token_of_no_bot",
        "TOT_TELEGRAM_BOT_NAME": "tot_demo_bot",
        "TOT_TELEGRAM_WEBHOOK_SECRET": "",
    }
    update = {"smtp_host": "127.0.0.1", "smtp_port": port + 1, "smtp_tls": "none"}
    update |= {"sms_url": os.environ["TOT_SMS_URL"]}
    told = {name: os.environ[f"TOT_{name.upper()}"] for name in TOLD_SETTINGS}
    provider = {"oidc_allowed_emails": OIDC_EMAILS, "telegram_webhook_secret": ""}
    return settings.model_copy(update=update | told | provider)


def outside_arguments(settings: Settings) -> list[str]:
    """How the stand-ins of mail, SMS and payments are started."""
    notices = os.environ["TOT_YOOKASSA_WEBHOOK_SECRET"]
    return [
        "-m",
        "sandbox.outside",
        f"--port={settings.sandbox_port}",
        f"--smtp-port={settings.smtp_port}",
        f"--webhook-url=http://127.0.0.1:{settings.port}/webhooks/yookassa/{notices}",
        f"--yookassa-state={settings.data_dir / YOOKASSA_STATE}",
    ]


def logins_file(settings: Settings) -> Path:
    """Where the demo keeps one login for each role."""
    return settings.data_dir / "demo-logins.json"


def tell(settings: Settings) -> None:
    """Print the addresses and one login for each role."""
    logins = json.loads(logins_file(settings).read_text())
    table = Table("role", "login", "password", title="One login for each role")
    for role, login in logins.items():
        table.add_row(role, login["login"], login["password"])
    out.print(table)
    out.print(f"Console   {settings.base_url}/admin/", highlight=False)
    out.print(
        f"REST      {settings.base_url}/v1/  (document: /openapi.json)", highlight=False
    )
    inbox = f"http://127.0.0.1:{settings.sandbox_port}/inbox"
    out.print(f"Mail, SMS {inbox}", highlight=False)
    cabinet = f"http://127.0.0.1:{settings.sandbox_port}/yookassa/admin"
    out.print(f"Payments  {cabinet}", highlight=False)
    phones = f"http://127.0.0.1:{settings.sandbox_port}/telegram/"
    out.print(f"Telegram  {phones}", highlight=False)
    out.print(f"Logs      {settings.data_dir}/demo.log", highlight=False)
    out.print("Ctrl-C stops everything; the data stays for the next time.")


def _begin(settings: Settings, day: Supervised) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{settings.base_url}/health/live", timeout=2):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    tell(settings)
    day.start()
