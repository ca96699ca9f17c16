"""The stand-in asked by plain HTTP: JSON bodies, webhooks, faults, the control."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from sandbox.telegram.config import Config, from_environment
from tests.telegram_server import HTTP, Telegram, picture, telegram_server

CHAT, SECRET = 101, "secret-of-tests_1"


def ask(telegram: Telegram, method: str, **body: Any) -> httpx.Response:
    return HTTP.post(f"{telegram.api_url}/bot{telegram.token}/{method}", json=body)


def done(telegram: Telegram, method: str, **body: Any) -> Any:
    answer = ask(telegram, method, **body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True
    return answer.json()["result"]


def refused(answer: httpx.Response) -> tuple[int, str]:
    told = answer.json()
    assert (told["ok"], told["error_code"]) == (False, answer.status_code)
    return answer.status_code, told["description"]


@dataclass
class Hook:
    """A bot's webhook: what it got, and what it answers (the last one for ever)."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [200])
    got: "queue.Queue[tuple[dict[str, Any], str | None]]" = field(
        default_factory=queue.Queue
    )

    def next(self) -> dict[str, Any]:
        return self.got.get(timeout=10)[0]


@contextmanager
def listening() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["content-length"])))
            hook.got.put((told, self.headers["X-Telegram-Bot-Api-Secret-Token"]))
            status = hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0]
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()


def test_json_bodies_are_understood(telegram: Telegram) -> None:
    keys = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    sent = done(telegram, "sendMessage", chat_id=CHAT, text="Да?", reply_markup=keys)
    assert sent["reply_markup"] == keys
    assert sent["from"]["username"] == telegram.bot_name
    place = {"chat_id": str(CHAT), "message_id": sent["message_id"]}
    edited = done(telegram, "editMessageText", **place, text="Да!")
    assert (edited["text"], "reply_markup" in edited) == ("Да!", False)


def test_forms_files_and_queries_are_understood(telegram: Telegram) -> None:
    address = f"{telegram.api_url}/bot{telegram.token}"
    assert HTTP.get(f"{address}/getme").json()["result"]["is_bot"]
    form = {"chat_id": str(CHAT), "caption": "Снимок"}
    files = {"photo": ("a.jpg", picture(), "image/jpeg")}
    sent = HTTP.post(f"{address}/sendPhoto", data=form, files=files).json()["result"]
    assert sent["caption"] == "Снимок"
    told = done(telegram, "getFile", file_id=sent["photo"][0]["file_id"])
    path = f"{telegram.api_url}/file/bot{telegram.token}/{told['file_path']}"
    assert HTTP.get(path).content == picture()
    assert HTTP.get(path + "x").status_code == 404
    stolen = path.replace(telegram.token, "1:x")
    assert refused(HTTP.get(stolen)) == (401, "Unauthorized")
    shown = HTTP.get(f"{telegram.api_url}/_ctl/pictures/{sent['photo'][0]['file_id']}")
    assert shown.headers["content-type"] == "image/jpeg"
    assert HTTP.get(f"{telegram.api_url}/_ctl/pictures/none").status_code == 404


@pytest.mark.parametrize(
    ("method", "body", "status", "why"),
    [
        ("sendMessage", {"text": "x"}, 400, "Bad Request: chat_id is empty"),
        ("sendMessage", {"chat_id": "@x", "text": "x"}, 400, "chat not found"),
        ("sendMessage", {"chat_id": -5, "text": "x"}, 400, "chat not found"),
        ("sendMessage", {"chat_id": 1}, 400, "message text is empty"),
        ("sendMessage", {"chat_id": 1, "text": "x", "reply_markup": 5}, 400, "object"),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", "reply_markup": "{"},
            400,
            "can't parse reply_markup",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", "reply_markup": {"inline_keyboard": ["x"]}},
            400,
            "Array of Arrays",
        ),
        (
            "sendMessage",
            {
                "chat_id": 1,
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "x"}]]},
            },
            400,
            "text buttons are unallowed",
        ),
        (
            "sendMessage",
            {
                "chat_id": 1,
                "text": "x",
                "reply_markup": {
                    "inline_keyboard": [[{"text": "x", "url": "javascript:alert(1)"}]]
                },
            },
            400,
            "Wrong HTTP URL",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", "reply_markup": {"keyboard": [[{}]]}},
            400,
            "text is empty",
        ),
        (
            "sendMessage",
            {"chat_id": 1, "text": "x", "reply_markup": {"what": 1}},
            400,
            "can't parse reply markup",
        ),
        ("sendPhoto", {"chat_id": 1}, 400, "there is no photo"),
        ("sendLocation", {"chat_id": 1, "latitude": "x"}, 400, "latitude"),
        ("sendChatAction", {"chat_id": 1}, 400, "action"),
        ("editMessageText", {"chat_id": 1, "message_id": "x"}, 400, "message_id"),
        ("answerCallbackQuery", {"callback_query_id": "1"}, 400, "query is too old"),
        ("setMyCommands", {}, 400, "commands"),
        ("getUpdates", {"offset": "x"}, 400, "offset"),
        ("setWebhook", {"url": "https://example.org/"}, 400, "loopback only"),
        (
            "setWebhook",
            {"url": "http://127.0.0.1:1/", "secret_token": "ы"},
            400,
            "secret token",
        ),
        ("banChatMember", {"chat_id": 1}, 404, "Not Found"),
    ],
)
def test_what_is_wrong_is_refused_in_the_words_of_the_api(
    telegram: Telegram, method: str, body: dict[str, Any], status: int, why: str
) -> None:
    told = refused(ask(telegram, method, **body))
    assert told[0] == status
    assert why in told[1]


def test_a_body_that_is_no_object_is_refused(telegram: Telegram) -> None:
    address = f"{telegram.api_url}/bot{telegram.token}/getMe"
    for content in ("[1]", "{"):
        answer = HTTP.post(
            address, content=content, headers={"Content-Type": "application/json"}
        )
        assert refused(answer)[0] == 400


def test_another_token_is_unauthorized(telegram: Telegram) -> None:
    answer = HTTP.post(f"{telegram.api_url}/bot1:x/getMe")
    assert refused(answer) == (401, "Unauthorized")


def test_a_flood_says_it_in_the_body_and_the_header(telegram: Telegram) -> None:
    telegram.flood(seconds=9)
    answer = ask(telegram, "sendMessage", chat_id=CHAT, text="x")
    assert refused(answer) == (429, "Too Many Requests: retry after 9")
    assert answer.json()["parameters"] == {"retry_after": 9}
    assert answer.headers["retry-after"] == "9"
    assert done(telegram, "sendMessage", chat_id=CHAT, text="x")


def test_a_tap_is_answered_once(telegram: Telegram) -> None:
    phone = telegram.phone(CHAT)
    keys = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    sent = done(telegram, "sendMessage", chat_id=CHAT, text="?", reply_markup=keys)
    query_id = phone.tap("Да", sent["message_id"])["callback_query_id"]
    (update,) = done(telegram, "getUpdates")
    query = update["callback_query"]
    assert (query["id"], query["data"], query["from"]["id"]) == (query_id, "yes", CHAT)
    assert query["message"]["message_id"] == sent["message_id"]
    told = {"callback_query_id": query_id, "text": "Готово", "show_alert": True}
    assert done(telegram, "answerCallbackQuery", **told) is True
    assert phone.told["notes"] == [{"text": "Готово", "alert": True}]
    assert refused(ask(telegram, "answerCallbackQuery", **told))[0] == 400


def test_a_long_answer_to_a_tap_is_refused(telegram: Telegram) -> None:
    query_id = telegram.phone(CHAT).press(1, "forged")["callback_query_id"]
    told = {"callback_query_id": query_id, "text": "x" * 201}
    assert (
        "MESSAGE_TOO_LONG" in refused(ask(telegram, "answerCallbackQuery", **told))[1]
    )


def test_a_link_under_a_message_sends_nothing(telegram: Telegram) -> None:
    keys = {"inline_keyboard": [[{"text": "Открыть", "url": "https://a.example/t/1"}]]}
    done(telegram, "sendMessage", chat_id=CHAT, text="?", reply_markup=keys)
    told = telegram.phone(CHAT).tap("Открыть")
    assert told == {"url": "https://a.example/t/1"}
    assert done(telegram, "getUpdates") == []


def test_a_location_that_moves_is_edited_and_stops(telegram: Telegram) -> None:
    phone = telegram.phone(CHAT)
    phone.locate(55.1, 37.1, live_period=900)
    phone.move(55.2, 37.2)
    phone.stop()
    first, moved, stopped = done(telegram, "getUpdates")
    assert first["message"]["location"]["live_period"] == 900
    assert moved["edited_message"]["location"]["latitude"] == 55.2
    assert "live_period" in moved["edited_message"]["location"]
    assert "live_period" not in stopped["edited_message"]["location"]
    assert moved["edited_message"]["message_id"] == first["message"]["message_id"]
    with pytest.raises(AssertionError, match="No location"):
        phone.move(1, 1)
    with pytest.raises(AssertionError, match="No location"):
        phone.stop()


def test_a_key_of_one_time_disappears(telegram: Telegram) -> None:
    keys = {"keyboard": [["Да"]], "one_time_keyboard": True}
    done(telegram, "sendMessage", chat_id=CHAT, text="?", reply_markup=keys)
    phone = telegram.phone(CHAT)
    phone.tap("Да")
    assert phone.keys == []
    with pytest.raises(AssertionError, match="no button"):
        phone.tap("Да")


def test_a_webhook_gets_updates_with_its_secret(telegram: Telegram) -> None:
    phone = telegram.phone(CHAT)
    phone.say("до вебхука")
    with listening() as hook:
        done(telegram, "setWebhook", url=hook.url, secret_token=SECRET)
        told, secret = hook.got.get(timeout=10)
        assert (told["message"]["text"], secret) == ("до вебхука", SECRET)
        phone.say("после")
        assert hook.next()["message"]["text"] == "после"
        status, why = refused(ask(telegram, "getUpdates"))
        assert (status, "webhook is active" in why) == (409, True)
        assert done(telegram, "getWebhookInfo")["url"] == hook.url
        assert done(telegram, "deleteWebhook")
    phone.say("в очередь")
    assert done(telegram, "getWebhookInfo")["pending_update_count"] == 1
    assert done(telegram, "deleteWebhook", drop_pending_updates=True)
    assert done(telegram, "getUpdates") == []


def test_a_webhook_is_tried_until_it_says_yes(telegram: Telegram) -> None:
    def delivered() -> Any:
        waits = done(telegram, "getWebhookInfo")["pending_update_count"]
        return None if waits else True

    with listening() as hook:
        hook.answers = [500, 403, 200]
        done(telegram, "setWebhook", url=hook.url, drop_pending_updates=True)
        telegram.phone(CHAT).say("раз")
        telegram.phone(CHAT).say("два")
        got = [hook.next()["message"]["text"] for _ in range(4)]
        assert got == ["раз", "раз", "раз", "два"]
        info = done(telegram, "getWebhookInfo")
        assert "403" in info["last_error_message"]
        telegram.wait(delivered, 10, lambda: "nothing left to deliver")
        telegram.duplicate_updates()
        telegram.phone(CHAT).say("три")
        assert hook.next() == hook.next()


def test_a_webhook_where_nobody_listens_is_told(telegram: Telegram) -> None:
    done(telegram, "setWebhook", url="http://127.0.0.1:9/", allowed_updates=["message"])
    telegram.phone(CHAT).say("раз")

    def failed() -> Any:
        return done(telegram, "getWebhookInfo").get("last_error_message")

    assert "Connection failed" in telegram.wait(failed, 10, lambda: "an error")
    assert done(telegram, "getWebhookInfo")["allowed_updates"] == ["message"]


def test_old_updates_can_be_skipped(telegram: Telegram) -> None:
    for text in ("раз", "два", "три"):
        telegram.phone(CHAT).say(text)
    assert len(done(telegram, "getUpdates", limit=2)) == 2
    (last,) = done(telegram, "getUpdates", offset=-1)
    assert last["message"]["text"] == "три"


def test_a_user_says_and_starts(telegram: Telegram) -> None:
    phone = telegram.phone(CHAT, name="Иван", username="ivan")
    phone.start("abc")
    phone.photo(caption="Вот")
    start, photo = (each["message"] for each in done(telegram, "getUpdates"))
    assert start["text"] == "/start abc"
    assert start["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert start["from"]["username"] == start["chat"]["username"] == "ivan"
    assert (photo["caption"], photo["photo"][0]["width"]) == ("Вот", 64)


def test_a_reply_carries_what_it_answers(telegram: Telegram) -> None:
    sent = done(telegram, "sendMessage", chat_id=CHAT, text="Вопрос")
    telegram.phone(CHAT).say("Ответ", reply_to=sent["message_id"])
    (update,) = done(telegram, "getUpdates")
    replied = update["message"]["reply_to_message"]
    assert (replied["message_id"], replied["text"]) == (sent["message_id"], "Вопрос")


@pytest.mark.parametrize(
    ("act", "body", "status"),
    [
        ("say", {"text": " "}, 400),
        ("open", {"url": "https://t.me/another_bot?start=1"}, 400),
        ("photo", {"content": "ы"}, 400),
        ("photo", {"content": "AAAA"}, 400),
        ("locate", {"latitude": "x", "longitude": 1}, 400),
        ("dance", {}, 404),
    ],
)
def test_what_a_phone_cannot_do_is_refused(
    telegram: Telegram, act: str, body: dict[str, Any], status: int
) -> None:
    telegram.phone(CHAT)
    path = f"{telegram.api_url}/_ctl/phones/{CHAT}/{act}"
    assert HTTP.post(path, json=body).status_code == status


def test_a_phone_that_blocks_the_bot_says_nothing_to_it(telegram: Telegram) -> None:
    phone = telegram.phone(CHAT)
    phone.block()
    for act in (lambda: phone.say("x"), lambda: phone.press(1, "x")):
        with pytest.raises(AssertionError, match="blocked"):
            act()
    phone.start()
    assert phone.told["state"] == "here"


def test_orders_come_as_json_alone(telegram: Telegram) -> None:
    """A form of a strange page must not move the phones."""
    path = f"{telegram.api_url}/_ctl/reset"
    assert HTTP.post(path, data={"a": "b"}).status_code == 415
    for content in ("[]", "{"):
        headers = {"Content-Type": "application/json"}
        assert HTTP.post(path, content=content, headers=headers).status_code == 400
    assert HTTP.post(f"{telegram.api_url}/_ctl/phones", json={}).status_code == 400


def test_faults_are_told_and_cleared(telegram: Telegram) -> None:
    telegram.flood(CHAT, 7, 2)
    telegram.outage(3, "closed")
    telegram.slow(0.01)
    telegram.duplicate_updates()
    assert telegram.faults() == {
        "floods": {str(CHAT): {"seconds": 7, "times": 2}},
        "outage": 3,
        "how": "closed",
        "slow": 0.01,
        "twice": True,
    }
    telegram.clear_faults()
    assert done(telegram, "getMe")
    assert telegram.faults()["outage"] == 0


def test_any_update_can_be_queued(telegram: Telegram) -> None:
    group = {"id": -100, "type": "group", "title": "Чужая группа"}
    telegram.update(
        message={"message_id": 1, "date": 1, "chat": group, "text": "/start"}
    )
    (update,) = done(telegram, "getUpdates")
    assert update["message"]["chat"]["type"] == "group"


def test_what_the_bot_asked_for_is_kept(telegram: Telegram) -> None:
    ask(telegram, "sendMessage", chat_id=CHAT, text="x")
    ask(telegram, "getUpdates")
    (call,) = telegram.calls()
    assert (call["method"], call["fields"]["text"], call["status"]) == (
        "sendMessage",
        "x",
        200,
    )


def test_ids_go_on_after_a_restart() -> None:
    """Updates that were handled are known by their ids: none may come twice."""
    assert from_environment().first_id > 1
    with telegram_server(first_id=500, invent=False) as telegram:
        assert refused(ask(telegram, "sendMessage", chat_id=1, text="x"))[1].endswith(
            "chat not found"
        )
        telegram.phone(CHAT).say("x")
        (update,) = done(telegram, "getUpdates")
        assert update["update_id"] == update["message"]["message_id"] == 500


def test_a_phone_forgets_its_oldest_messages(
    telegram: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.telegram.town.KEPT", 3)
    for text in "abcde":
        done(telegram, "sendMessage", chat_id=CHAT, text=text)
    assert telegram.phone(CHAT).texts == ["c", "d", "e"]


def test_the_page_takes_nothing_from_strangers(telegram: Telegram) -> None:
    page = HTTP.get(telegram.page_url)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for name in ("telegram.css", "telegram.js"):
        assert name in page.text
        found = HTTP.get(telegram.page_url + name)
        assert found.status_code == 200
        assert "http://" not in found.text
    assert HTTP.get(telegram.page_url + "other.js").status_code == 404


def test_it_is_not_for_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOT_PROFILE", "production")
    with pytest.raises(SystemExit, match="Telegram"):
        Config()
    monkeypatch.delenv("TOT_PROFILE")
    with pytest.raises(ValueError, match="speed"):
        Config(speed=0)
