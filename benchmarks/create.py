"""POST /v1/bookings against the floor, in turns, with the same sixteen clients."""

import asyncio
import json
import time
import uuid
from statistics import median

from benchmarks import data
from benchmarks.servers import Server
from benchmarks.table import Line
from benchmarks.wire import JSON, Wire, demand, signed_in

CLIENTS, ROUNDS, EACH = 16, 4, 60
# A patient may have ten open calls, so each client speaks for many patients.
CALLS_A_PATIENT = 8
AT_LEAST = 0.25


def _body(place: int) -> bytes:
    said = {
        "call_type": "urgent",
        "specialization": "therapist",
        "symptoms": f"Температура 38,6 второй день, сухой кашель ({place})",
        "address": {
            "text": "Тверская улица, д. 12",
            "entrance": "2",
            "floor": "4",
            "intercom": "45К",
            "flat": "45",
            "latitude": 55.7642,
            "longitude": 37.6060,
        },
    }
    return json.dumps(said).encode()


async def _client(port: int, tokens: list[str], count: int) -> None:
    wire = Wire(port)
    for place in range(count):
        token = tokens[place // CALLS_A_PATIENT]
        answer = await wire.send(
            "POST",
            "/v1/bookings",
            _body(place),
            content_type=JSON,
            authorization=f"Bearer {token}",
            idempotency_key=str(uuid.uuid4()),
        )
        demand(answer, 201)
    wire.close()


async def _rate(port: int, tokens: list[list[str]]) -> float:
    begun = time.perf_counter()
    await asyncio.gather(*(_client(port, mine, EACH) for mine in tokens))
    return CLIENTS * EACH / (time.perf_counter() - begun)


async def _tokens(port: int, first: int, count: int) -> list[str]:
    places = range(first, first + count)
    return [
        await signed_in(port, data.patient_login(place), data.PASSWORD)
        for place in places
    ]


async def measure(app: Server, floor: Server) -> list[Line]:
    """Measure in turns, so that a busy machine slows both alike."""
    need = -(-EACH // CALLS_A_PATIENT)
    ratios, ours, theirs = [], [], []
    for turn in range(ROUNDS + 1):
        first = turn * CLIENTS * need
        tokens = await asyncio.gather(
            *(
                _tokens(app.port, first + client * need, need)
                for client in range(CLIENTS)
            )
        )
        mine = await _rate(app.port, list(tokens))
        lowest = await _rate(floor.port, list(tokens))
        if turn > 0:
            ours.append(mine)
            theirs.append(lowest)
            ratios.append(mine / lowest)
    ratio = median(ratios)
    figure = f"{ratio:.2f} ({median(ours):.0f}/s of {median(theirs):.0f}/s)"
    return [
        Line("POST /v1/bookings : floor", figure, f"≥ {AT_LEAST}", ratio >= AT_LEAST)
    ]
