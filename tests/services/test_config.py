"""Settings: what is refused, what is generated, what is understood."""

import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.config import (
    RULES_OF_PRODUCTION,
    Profile,
    Settings,
    get_settings,
    use_settings,
)

LONG = "a secret of tests that is long enough"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "TOT_SECRET_KEY", "TOT_PROFILE", "TOT_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_a_generated_secret_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = Settings(data_dir=folder)
    assert len(first.secret_key) >= 32
    assert Settings(data_dir=folder).secret_key == first.secret_key
    kept = list(folder.iterdir())
    assert [path.name for path in kept] == ["secret-key"]
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600


def test_of_two_that_begin_together_both_use_one_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Settings(data_dir=tmp_path)
    kept = (tmp_path / "secret-key").read_text()
    monkeypatch.setattr(Path, "exists", lambda self: False)
    assert Settings(data_dir=tmp_path).secret_key == kept
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]


@pytest.mark.parametrize("secret", ["", "changeme", "x" * 31])
def test_production_wants_a_long_secret(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ValidationError, match="TOT_SECRET_KEY"):
        Settings(profile=Profile.PRODUCTION, secret_key=secret, data_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("profile", list(Profile))
def test_a_short_secret_is_refused_everywhere(profile: Profile) -> None:
    with pytest.raises(ValidationError, match="shorter"):
        Settings(profile=profile, secret_key=LONG, secret_key_previous="short")


@pytest.mark.parametrize(
    "given",
    [
        "postgres://tot:p%40ss@db:5432/tot",
        "postgresql://tot:p%40ss@db:5432/tot",
        "postgresql+psycopg://tot:p%40ss@db:5432/tot",
    ],
)
def test_every_usual_way_to_write_the_address_is_understood(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    made = Settings(secret_key=LONG)
    assert made.database_url == "postgresql+psycopg://tot:p%40ss@db:5432/tot"


@pytest.mark.parametrize("given", ["sqlite:///x.db", "nonsense", "mysql://a@b/c"])
def test_another_database_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    with pytest.raises(ValidationError, match="postgresql://"):
        Settings(secret_key=LONG)


def test_an_empty_address_means_the_embedded_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert Settings(secret_key=LONG).database_url is None


def test_limits_by_address_are_wide_in_the_demo_only() -> None:
    factors = {
        profile: Settings(profile=profile, secret_key=LONG).address_limit_factor
        for profile in Profile
    }
    assert factors.pop(Profile.DEMO) == 1000
    assert set(factors.values()) == {1}


def test_only_demo_and_tests_move_the_clock() -> None:
    movable = {
        profile
        for profile in Profile
        if Settings(profile=profile, secret_key=LONG).clock_may_move
    }
    assert movable == {Profile.DEMO, Profile.TEST}


def test_https_makes_cookies_secure() -> None:
    assert not Settings(secret_key=LONG).secure
    assert Settings(secret_key=LONG, base_url="https://tot.example").secure


def test_the_settings_of_a_process_are_read_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOT_PORT", "9999")
    assert get_settings() is settings
    use_settings(settings)
    assert get_settings().port == settings.port


def test_rules_of_production_hold_there_and_are_somebodys_choice_elsewhere(
    tmp_path: Path,
) -> None:
    real = Settings(profile="production", secret_key="s" * 40, data_dir=tmp_path)
    assert (real.require_verified_phone, real.require_current_consents) == (True, True)
    calm = Settings(profile="demo", secret_key="s" * 40, data_dir=tmp_path, port=9000)
    assert (calm.require_verified_phone, calm.sandbox_port) == (False, 9001)
    assert calm.files_dir == tmp_path / "files"
    chosen = Settings(
        profile="demo",
        secret_key="s" * 40,
        data_dir=tmp_path,
        require_verified_phone=True,
        files_dir=tmp_path / "papers",
        sandbox_port=9100,
    )
    assert (chosen.require_verified_phone, chosen.sandbox_port) == (True, 9100)
    assert chosen.files_dir == tmp_path / "papers"


SHOP = {
    "yookassa_shop_id": "100500",
    "yookassa_secret_key": "live_secret",
    "yookassa_webhook_secret": "q7Jw3mZpT0yVxN5cR2bKfA",
}


def test_a_whole_shop_is_taken_in_production(tmp_path: Path) -> None:
    made = Settings(profile="production", secret_key=LONG, data_dir=tmp_path, **SHOP)
    assert (made.yookassa_test, made.yookassa_sbp_qr) == (False, True)
    assert made.yookassa_receipts is False


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"yookassa_api_url": "http://127.0.0.1:8001/v3"}, "YOOKASSA_API_URL"),
        ({"yookassa_webhook_networks": ["127.0.0.1/32"]}, "WEBHOOK_NETWORKS"),
        ({"yookassa_webhook_networks": ["0.0.0.0/0"]}, "WEBHOOK_NETWORKS"),
        ({"yookassa_webhook_networks": ["::1/128"]}, "WEBHOOK_NETWORKS"),
        ({"yookassa_secret_key": ""}, "YOOKASSA_SECRET_KEY"),
        ({"yookassa_webhook_secret": ""}, "YOOKASSA_WEBHOOK_SECRET"),
        ({"yookassa_webhook_secret": "guess"}, "YOOKASSA_WEBHOOK_SECRET"),
    ],
)
def test_half_a_shop_or_an_open_door_to_it_stops_production(
    tmp_path: Path, change: dict[str, object], name: str
) -> None:
    given = {"secret_key": LONG, "data_dir": tmp_path, **SHOP, **change}
    with pytest.raises(ValidationError, match=name):
        Settings(profile="production", **given)
    assert Settings(profile="demo", **given).yookassa_test is True


def test_no_shop_is_a_choice_in_production(tmp_path: Path) -> None:
    bare = Settings(profile="production", secret_key=LONG, data_dir=tmp_path)
    assert (bare.yookassa_shop_id, bare.yookassa_webhook_secret) == ("", "")
    chosen = Settings(secret_key=LONG, data_dir=tmp_path, yookassa_test=False)
    assert chosen.yookassa_test is False


@pytest.mark.parametrize(
    "change",
    [
        {"yookassa_api_url": "ftp://a/v3"},
        {"yookassa_api_url": "https://a/v3/"},
        {"yookassa_api_url": "https://a/v3?x=1"},
        {"yookassa_webhook_secret": "a/b"},
        {"yookassa_webhook_networks": ["provider"]},
    ],
)
def test_payment_settings_that_make_no_sense_are_refused(
    change: dict[str, object],
) -> None:
    with pytest.raises(ValidationError, match="yookassa"):
        Settings(secret_key=LONG, **change)


# Written by hand: what protects real people, by profile.
ON_IN = {
    "require_verified_phone": {Profile.PRODUCTION},
    "require_current_consents": {Profile.PRODUCTION},
    "require_staff_totp": {Profile.PRODUCTION},
}


def made_for(profile: Profile, folder: Path, **given: Any) -> Settings:
    return Settings(profile=profile, secret_key=LONG, data_dir=folder, **given)


@pytest.mark.parametrize("rule", ON_IN)
@pytest.mark.parametrize("profile", list(Profile))
def test_rules_for_real_people_are_on_in_production_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: Profile, rule: str
) -> None:
    for each in ON_IN:
        monkeypatch.delenv(f"TOT_{each.upper()}", raising=False)
    made = made_for(profile, tmp_path)
    assert getattr(made, rule) is (profile in ON_IN[rule])
    for given in (True, False):
        assert getattr(made_for(profile, tmp_path, **{rule: given}), rule) is given
        monkeypatch.setenv(f"TOT_{rule.upper()}", str(given).lower())
        assert getattr(made_for(profile, tmp_path), rule) is given


def test_no_rule_of_production_is_left_out_here() -> None:
    named = {name for name in Settings.model_fields if name.startswith("require_")}
    assert named == set(ON_IN) == set(RULES_OF_PRODUCTION)
