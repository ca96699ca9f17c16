"""A request leaves one line, which names the route and not what was asked for."""

from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from backoffice.request_log import Stopwatch, route


class Desk:
    def draw(self) -> None: ...


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ({}, "-"),
        ({"route": SimpleNamespace(path="/v1/me"), "endpoint": Desk.draw}, "/v1/me"),
        ({"endpoint": Desk.draw}, "Desk.draw"),
        ({"endpoint": Desk()}, "Desk"),
    ],
)
def test_a_route_is_named_by_its_template(scope: dict[str, Any], name: str) -> None:
    assert route(scope) == name


def test_the_line_has_no_address_and_no_query() -> None:
    scope = {
        "method": "GET",
        "path": "/admin/bookings/list/Иванова",
        "query_string": "search=Иванова".encode(),
        "endpoint": Desk.draw,
    }
    with capture_logs() as lines:
        Stopwatch(scope).tell()
    (line,) = lines
    assert (line["event"], line["route"]) == ("request", "Desk.draw")
    assert "Иванова" not in str(line)


@pytest.mark.parametrize("path", ["/static/x.js", "/health/live"])
def test_small_change_is_not_told(path: str) -> None:
    with capture_logs() as lines:
        Stopwatch({"method": "GET", "path": path}).tell()
    assert lines == []
