"""The board before a dispatcher: keyboard, a second screen, a lost link."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, expect

from services.database import Sessions
from tests.browser.board_stage import PHONE, WIDE, Stage, row, staged
from tests.browser.stage import at_page, chromium

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    app: FastAPI, browser: Browser, sessions: Sessions
) -> AsyncIterator[Stage]:
    async with staged(app, browser, sessions) as made:
        yield made


async def test_assign_and_undo_by_keyboard(stage: Stage) -> None:
    first, second, *_ = stage.calls
    async with stage.board(**WIDE) as page:
        await expect(page.locator("html")).to_have_attribute("lang", "ru")
        await expect(row(page, first)).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("ArrowDown")
        await expect(page.locator("#s-h")).to_have_text(second.label)
        await expect(page.locator("#facts")).to_contain_text("Тверская улица, 12")
        await page.keyboard.press("Digit1")
        toast = page.locator("#toasts .t").first
        await expect(toast).to_contain_text(f"{second.label} → Орлов")
        assert (await stage.reread(second)).status == "assigned"
        await expect(row(page, second)).to_contain_text("назначен")
        await page.keyboard.press("KeyU")
        await expect(page.locator("#s-line")).to_contain_text("В очереди")
        assert (await stage.reread(second)).status == "pending"


async def test_a_second_screen_sees_it_within_200_ms(stage: Stage) -> None:
    call = stage.calls[0]
    async with stage.board(**WIDE) as one, stage.board("Анна", **WIDE) as two:
        await two.evaluate(
            """id => { new MutationObserver(() => {
              const row = document.querySelector(`.call[data-id="${id}"] .sla`)
              if (row?.textContent === "назначен") window.seen ??= performance.timeOrigin + performance.now()
            }).observe(document.querySelector("#queue"), {subtree: true, childList: true}) }""",
            str(call.id),
        )
        await expect(two.locator("#watchers")).to_contain_text("Ирина")
        await one.evaluate("1")
        pressed = time.time() * 1000
        await stage.assign(call, stage.people["Орлов"])
        committed = time.time() * 1000
        await expect(row(two, call)).to_contain_text("назначен")
        seen = await two.evaluate("window.seen")
        assert pressed < seen < committed + 200


async def test_two_writers_get_a_yellow_notice(stage: Stage) -> None:
    call = stage.calls[0]
    async with stage.board(**WIDE) as page:
        await page.route("**/board/stream*", lambda route: route.abort())
        await stage.assign(call, stage.people["Ахмедов"])
        await page.evaluate(
            """async ([doctor, version]) => {
              const {assets} = JSON.parse(document.querySelector("#boot").textContent)
              const {send} = await import(`${assets}/send.js`)
              send("assign", {doctor_id: doctor, version})
            }""",
            [str(stage.people["Орлов"].id), call.version],
        )
        notice = page.locator("#notice")
        await expect(notice).to_contain_text("Анна")
        await expect(notice).to_contain_text("Показано новое состояние")
        assert (await stage.reread(call)).version == call.version + 1
        await page.keyboard.press("Escape")
        await expect(notice).to_be_hidden()


async def test_a_clash_is_a_dialog_of_three_ways(stage: Stage) -> None:
    call, other = stage.calls[:2]
    async with stage.board(**WIDE) as page:
        doctor = await page.locator(".cand").first.get_attribute("data-doctor")
        busy = next(each for each in stage.people.values() if str(each.id) == doctor)
        await page.evaluate("document.querySelector('.cand .why').id = 'frozen'")
        await stage.assign(other, busy)
        await expect(page.locator(".cand.is-taken")).to_contain_text("теперь занято")
        await page.evaluate(
            """async doctor => {
              const {assets} = JSON.parse(document.querySelector("#boot").textContent)
              const {send} = await import(`${assets}/send.js`)
              send("assign", {doctor_id: doctor})
            }""",
            doctor,
        )
        dialog = page.locator("#dialog")
        await expect(dialog).to_contain_text("уже занят")
        await expect(dialog.locator(".way")).to_have_count(3)
        await page.keyboard.press("Digit2")
        await expect(dialog).to_be_hidden()
        await expect(page.locator("#toasts")).to_contain_text(call.label)
        assert (await stage.reread(call)).status == "assigned"


async def test_losing_the_server_is_loud_and_heals(stage: Stage) -> None:
    async with stage.board(**WIDE) as page:
        await stage.stop_serving()
        stale = page.locator("#stale")
        await expect(stale).to_be_visible(timeout=15_000)
        await expect(stale).to_contain_text("СВЯЗЬ ПОТЕРЯНА с")
        await page.keyboard.press("Digit1")
        await expect(page.locator("#toasts")).to_contain_text("команды выключены")
        assert (await stage.reread(stage.calls[0])).status == "pending"
        await stage.assign(stage.calls[1], stage.people["Ким"])
        await stage.serve_again()
        await page.keyboard.press("KeyR")
        await expect(stale).to_be_hidden(timeout=15_000)
        await expect(page.locator("#q-count")).to_have_text("3")
        await expect(page.locator("#toasts")).to_contain_text("Связь восстановлена")


async def test_nothing_moves_under_the_hand(stage: Stage) -> None:
    call = stage.calls[3]
    async with stage.board(**WIDE) as page:
        await page.locator("#queue").hover()
        await stage.assign(call, stage.people["Ким"])
        await expect(page.locator("#waiting")).to_be_visible()
        await expect(row(page, call)).to_contain_text("назначен")
        await page.locator("#map").hover()
        await expect(row(page, call)).to_have_count(0)


async def test_english_by_switch(stage: Stage) -> None:
    async with stage.board(lang="en", **WIDE) as page:
        await expect(page.locator(".fresh-t")).to_have_text("Live")
        await expect(page.locator("#first")).to_contain_text("Candidates first")
        await page.keyboard.press("Shift+Slash")
        await expect(page.locator("#help")).to_contain_text("assign the n-th candidate")


async def test_keys_work_by_place_and_leave_fields_alone(stage: Stage) -> None:
    async with stage.board(**WIDE) as page:
        await page.keyboard.press("Slash")
        await page.keyboard.type("1")
        await expect(page.locator("#search")).to_have_value("1")
        assert (await stage.reread(stage.calls[0])).status == "pending"
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await expect(page.locator("#search")).to_have_value("")
        await page.keyboard.press("Shift+Digit2")
        await expect(page.locator(".dr.is-preview")).to_have_count(1)
        await page.keyboard.press("KeyV")
        await expect(page.locator("#map")).to_be_hidden()
        await page.keyboard.press("KeyZ")
        await expect(page.locator("#docs.is-zoomed")).to_have_count(1)
        await page.keyboard.press("KeyX")
        await expect(page.locator("#dialog")).to_contain_text("Отменить")
        await page.keyboard.press("Digit5")
        await expect(page.locator("#s-timer")).to_have_text("отменён")


async def test_filters_live_in_the_address(stage: Stage) -> None:
    async with stage.board(**WIDE) as page:
        await page.locator("#f-menu summary").click()
        await page.locator('#f-spec input[value="surgeon"]').check()
        await expect(page.locator("#chips")).to_have_text("Хирург")
        assert "spec=surgeon" in page.url
        await page.reload()
        await expect(page.locator("#chips")).to_have_text("Хирург")
        await page.locator("#f-clear").click()
        await expect(page.locator(".call")).to_have_count(4)
        assert "spec" not in page.url


async def test_ten_tabs_share_one_stream_and_the_eleventh_is_quick(
    stage: Stage,
) -> None:
    async with stage.board(**WIDE) as page, AsyncExitStack() as tabs:
        for _ in range(9):
            tab = await page.context.new_page()
            tabs.push_async_callback(tab.close)
            await tab.goto(f"{stage.address}/admin/board")
        await expect(tab.locator(".cand").first).to_be_visible()
        assert len(stage.app.state.board_feed.clients) == 1
        last = await page.context.new_page()
        started = time.perf_counter()
        await last.goto(f"{stage.address}/admin/board", wait_until="domcontentloaded")
        spent = time.perf_counter() - started
        await expect(last.locator(".fresh")).to_have_attribute("data-state", "live")
        await expect(last.locator(".cand").first).to_be_visible()
        assert spent < 2


async def test_without_a_shared_worker_the_page_listens_itself(stage: Stage) -> None:
    async with at_page(stage.browser, stage.address, stage.tokens["Ирина"]) as page:
        await page.add_init_script("delete globalThis.SharedWorker")
        await page.goto(f"{stage.address}/admin/board")
        await expect(page.locator(".cand").first).to_be_visible()
        await stage.assign(stage.calls[0], stage.people["Орлов"])
        await expect(page.locator("#s-timer")).to_have_text("назначен")


async def test_without_script_the_board_is_complete(stage: Stage) -> None:
    call = stage.calls[0]
    async with at_page(
        stage.browser, stage.address, stage.tokens["Ирина"], java_script_enabled=False
    ) as page:
        await page.goto(f"{stage.address}/admin/board")
        await row(page, call).locator(".num").click()
        await page.locator(".cand button").first.click()
    assert (await stage.reread(call)).status == "assigned"


async def test_on_a_phone_a_tap_assigns(stage: Stage) -> None:
    call = stage.calls[1]
    async with at_page(
        stage.browser, stage.address, stage.tokens["Ирина"], **PHONE
    ) as page:
        await page.goto(f"{stage.address}/admin/board")
        await expect(page.locator(".call.is-sel .best")).to_be_visible()
        await row(page, call).locator(".gist").tap()
        button = row(page, call).locator(".best button").first
        await expect(button).to_have_css("height", "38px")
        await button.tap()
        await expect(page.locator("#toasts")).to_contain_text(call.label)
        for tab, part in (("docs", "#docs"), ("map", "#map"), ("side", "#side")):
            await page.locator(f'[data-tab="{tab}"]').tap()
            await expect(page.locator(part)).to_be_visible()
            await expect(page.locator("#queue")).to_be_hidden()
    assert (await stage.reread(call)).status == "assigned"


async def test_an_empty_queue_says_so(stage: Stage) -> None:
    doctors = [stage.people[name] for name in ("Орлов", "Ахмедов", "Ким", "Орлов")]
    async with stage.board(**WIDE) as page:
        for call, doctor in zip(stage.calls, doctors, strict=True):
            await stage.assign(call, doctor)
        await page.reload()
        await expect(page.locator("#q-empty")).to_contain_text("Очередь пуста")
        await expect(page.locator("#side-empty")).to_contain_text("Вызов не выбран")


async def test_another_day_shows_its_own_visits(stage: Stage) -> None:
    call, doctor = stage.calls[0], stage.people["Ким"]
    await stage.assign(call, doctor)
    bar = f'.bar[href="?call={call.id}"]'
    async with stage.board(**WIDE) as page:
        await expect(page.locator(bar)).to_have_count(1)
        await page.locator(".day a").last.click()
        await expect(page.locator(".cand").first).to_be_visible()
        await expect(page.locator("#d-count")).to_have_text("3")
        assert "day=" in page.url
        await expect(page.locator(".fresh")).to_have_attribute("data-state", "live")
        await expect(page.locator("#toasts .t")).to_have_count(0)
