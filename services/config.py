"""Settings: everything that an operator may change, in one place."""

import os
import re
import secrets
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from services.provider_addresses import OFFICIAL_NETWORKS, reaches_loopback

MINIMUM_SECRET_BYTES = 32
MINIMUM_WEBHOOK_SECRET = 22
RULES_OF_PRODUCTION = (
    "require_verified_phone",
    "require_current_consents",
    "require_staff_totp",
)


class Profile(StrEnum):
    """What the process is for; only demo and test may move the clock."""

    DEMO = "demo"
    DEVELOPMENT = "development"
    PRODUCTION = "production"
    TEST = "test"


class Settings(BaseSettings):
    """Read from the environment with the prefix TOT_; DATABASE_URL has none."""

    model_config = SettingsConfigDict(
        env_prefix="TOT_", populate_by_name=True, extra="ignore"
    )

    profile: Profile = Profile.DEVELOPMENT
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    data_dir: Path = Path(".data")
    base_url: str | None = None
    allowed_hosts: list[str] = ["127.0.0.1", "localhost", "[::1]"]
    cors_origins: list[str] = []
    trusted_proxies: list[IPv4Network | IPv6Network] = []
    tile_url: str = ""
    log_level: str = "INFO"

    secret_key: str = ""
    secret_key_previous: str = ""
    access_token_seconds: int = 600
    refresh_token_days: int = 30
    staff_session_hours: int = 12
    staff_idle_minutes: int = 30

    argon2_memory_kib: int = 19_456
    argon2_time: int = 2
    argon2_parallelism: int = 1

    require_verified_phone: bool | None = Field(
        default=None, description="for bookings; on in production"
    )
    require_current_consents: bool | None = Field(
        default=None, description="on in production"
    )

    require_staff_totp: bool | None = Field(
        default=None, description="second factor of staff; on in production"
    )

    oidc_issuer: str = Field(default="", description="empty: no such sign-in")
    oidc_name: str = "OpenID"
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_allowed_emails: list[str] = []

    smtp_host: str = Field(default="", description="empty: mail waits")
    smtp_port: int = 587
    smtp_username: str = ""
    smtp_password: str = ""
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    mail_from: str = "tot@localhost"
    sms_url: str = Field(default="", description="empty: SMS wait")
    sms_api_id: str = ""
    sms_sender: str = ""

    yookassa_api_url: str = Field(
        default="https://api.yookassa.ru/v3", pattern=r"^https?://[^/?#]+[^?#]*[^/?#]$"
    )
    yookassa_shop_id: str = Field(default="", description="empty: no online payments")
    yookassa_secret_key: str = ""
    yookassa_webhook_secret: str = Field(
        default="", pattern=r"^[0-9A-Za-z_-]*$", description="empty: the route is shut"
    )
    yookassa_webhook_networks: list[IPv4Network | IPv6Network] = [*OFFICIAL_NETWORKS]
    yookassa_test: bool | None = Field(
        default=None, description="of a test shop; off in production"
    )
    yookassa_sbp_qr: bool = True
    yookassa_receipts: bool = Field(default=False, description="54-FZ receipts")
    yookassa_receipt_email: str = Field(
        default="", description="for patients without an e-mail"
    )

    telegram_bot_token: str = Field(default="", description="empty: no Telegram")
    telegram_bot_name: str = Field(
        default="", pattern=r"^[0-9A-Za-z_]*$", description="without the @"
    )
    telegram_api_url: str = Field(
        default="https://api.telegram.org", pattern=r"^https?://[^/?#]+[^?#]*[^/?#]$"
    )
    telegram_webhook_secret: str = Field(
        default="",
        pattern=r"^[0-9A-Za-z_-]{0,256}$",
        description="empty: the bot asks for updates and the route is shut",
    )

    files_dir: Path = Field(default=Path(), description="DATA_DIR/files")
    max_upload_bytes: int = 10_000_000

    sandbox_port: int = Field(default=0, description="0: PORT + 1, in the demo")

    login_per_account: int = Field(default=10, description="per 5 minutes")
    login_per_address: int = Field(default=30, description="per 5 minutes")
    register_per_address: int = Field(default=10, description="per hour")
    refresh_per_address: int = Field(default=120, description="per 5 minutes")
    address_limit_factor: int = Field(default=0, description="0: 1,000 in the demo")
    max_open_bookings: int = 10

    pool_size: int = 20
    pool_overflow: int = 5
    statement_timeout_ms: int = 5000
    max_body_bytes: int = 1_000_000

    @field_validator("database_url")
    @classmethod
    def _through_psycopg(cls, url: str | None) -> str | None:
        """Take the address as libpq writes it; there is one driver here."""
        if not url:
            return None
        url = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", url)
        try:
            right = make_url(url).drivername == "postgresql+psycopg"
        except ArgumentError:
            right = False
        if not right:
            raise ValueError("expected postgresql://user:password@host/database")
        return url

    @field_validator("oidc_allowed_emails")
    @classmethod
    def _in_small_letters(cls, emails: list[str]) -> list[str]:
        return [each.strip().lower() for each in emails]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.address_limit_factor == 0:
            self.address_limit_factor = 1000 if self.profile is Profile.DEMO else 1
        if self.base_url is None:
            self.base_url = f"http://{self.host}:{self.port}"
        self._settle_people()
        self._settle_secret()
        self._demand_whole_provider()
        if self.yookassa_test is None:
            self.yookassa_test = self.profile is not Profile.PRODUCTION
        if self.profile is Profile.PRODUCTION:
            self._demand_safe_payments()
        return self

    def _demand_whole_provider(self) -> None:
        if not self.oidc_issuer:
            return
        if not (self.oidc_client_id and self.oidc_allowed_emails):
            raise ValueError(
                "TOT_OIDC_ISSUER needs TOT_OIDC_CLIENT_ID and TOT_OIDC_ALLOWED_EMAILS"
            )
        plain = not self.oidc_issuer.startswith("https://")
        if plain and self.profile is Profile.PRODUCTION:
            raise ValueError("TOT_OIDC_ISSUER must be reached over https in production")

    def _demand_safe_payments(self) -> None:
        """Where money is real, nobody but the provider may speak in its name."""
        if not self.yookassa_api_url.startswith("https://"):
            raise ValueError("TOT_YOOKASSA_API_URL must be https in production")
        if any(map(reaches_loopback, self.yookassa_webhook_networks)):
            raise ValueError(
                "TOT_YOOKASSA_WEBHOOK_NETWORKS holds loopback addresses in production"
            )
        if self.yookassa_shop_id and not self.yookassa_secret_key:
            raise ValueError("TOT_YOOKASSA_SHOP_ID needs TOT_YOOKASSA_SECRET_KEY")
        short = len(self.yookassa_webhook_secret) < MINIMUM_WEBHOOK_SECRET
        if self.yookassa_shop_id and short:
            raise ValueError(
                "TOT_YOOKASSA_SHOP_ID needs a TOT_YOOKASSA_WEBHOOK_SECRET of 22 letters"
            )

    def _settle_people(self) -> None:
        """Rules that protect real people are on unless somebody turns them off."""
        real = self.profile is Profile.PRODUCTION
        for name in RULES_OF_PRODUCTION:
            if getattr(self, name) is None:
                setattr(self, name, real)
        if self.files_dir == Path():
            self.files_dir = self.data_dir / "files"
        if self.sandbox_port == 0:
            self.sandbox_port = self.port + 1

    def _settle_secret(self) -> None:
        if not self.secret_key and self.profile is not Profile.PRODUCTION:
            self.secret_key = _kept_secret(self.data_dir / "secret-key")
        for key in filter(None, (self.secret_key, self.secret_key_previous)):
            if len(key.encode()) < MINIMUM_SECRET_BYTES:
                raise ValueError("TOT_SECRET_KEY is shorter than 32 bytes")
        if not self.secret_key:
            raise ValueError("TOT_SECRET_KEY must be set in production")

    @property
    def secure(self) -> bool:
        """The console is reached over https, so cookies can be bound to it."""
        return (self.base_url or "").startswith("https://")

    @property
    def origin(self) -> str:
        """Where our own pages come from, as browsers tell it."""
        scheme, _, rest = (self.base_url or "").partition("://")
        return f"{scheme}://{rest.partition('/')[0]}".lower()

    @property
    def clock_may_move(self) -> bool:
        """Only the demo and tests may set the database's clock ahead."""
        return self.profile in {Profile.DEMO, Profile.TEST}


def _kept_secret(path: Path) -> str:
    """Read the generated secret, or make one that only its owner can read."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        own = path.with_name(f"{path.name}-{os.getpid()}")
        own.touch(mode=0o600)
        own.write_text(secrets.token_urlsafe(48))
        # Of two processes that begin together, both go on with the first one's.
        try:
            os.link(own, path)
        except FileExistsError:
            pass
        finally:
            own.unlink()
    return path.read_text().strip()


_given: list[Settings] = []


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return _given[0] if _given else Settings()


def use_settings(settings: Settings) -> None:
    """Go on with these instead of the environment's, as tests do."""
    _given[:] = [settings]
    get_settings.cache_clear()
