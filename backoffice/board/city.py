"""A plain drawing of Moscow for the map: works without any tiles.

Drawn by hand from a few dozen points; longitude first. Projected once to Web Mercator
at zoom 11, counted from the middle of the city, as the page's script does.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

WORLD = 524_288
CENTRE = (37.6173, 55.7520)
Point = tuple[float, float]

RIVER: Sequence[Point] = (
    (37.385, 55.872), (37.420, 55.845), (37.443, 55.826), (37.440, 55.806),
    (37.418, 55.795), (37.402, 55.776), (37.420, 55.764), (37.447, 55.770),
    (37.462, 55.757), (37.497, 55.763), (37.513, 55.750), (37.535, 55.744),
    (37.551, 55.753), (37.566, 55.745), (37.560, 55.727), (37.540, 55.712),
    (37.556, 55.704), (37.585, 55.714), (37.598, 55.731), (37.609, 55.744),
    (37.628, 55.749), (37.642, 55.743), (37.648, 55.727), (37.656, 55.708),
    (37.678, 55.700), (37.693, 55.684), (37.674, 55.671), (37.690, 55.656),
    (37.722, 55.651), (37.757, 55.655), (37.790, 55.644), (37.822, 55.632),
)  # fmt: skip
YAUZA: Sequence[Point] = (
    (37.642, 55.746), (37.660, 55.756), (37.683, 55.766), (37.699, 55.783),
    (37.680, 55.803), (37.660, 55.826), (37.655, 55.851), (37.670, 55.880),
)  # fmt: skip
RINGS: Sequence[tuple[float, float, Point]] = (
    (0.0330, 0.0185, (37.6173, 55.7530)),
    (0.0790, 0.0440, (37.6150, 55.7520)),
    (0.2340, 0.1660, (37.6170, 55.7400)),
)
ROADS: Sequence[Sequence[Point]] = (
    ((37.606, 55.765), (37.577, 55.789), (37.500, 55.845), (37.410, 55.893)),
    ((37.583, 55.752), (37.530, 55.736), (37.470, 55.729), (37.384, 55.715)),
    ((37.610, 55.735), (37.586, 55.706), (37.541, 55.670), (37.475, 55.620)),
    ((37.624, 55.732), (37.622, 55.690), (37.606, 55.640), (37.596, 55.580)),
    ((37.656, 55.742), (37.700, 55.724), (37.780, 55.706), (37.840, 55.690)),
    ((37.660, 55.760), (37.720, 55.772), (37.790, 55.790), (37.840, 55.805)),
    ((37.634, 55.770), (37.640, 55.810), (37.660, 55.850), (37.700, 55.890)),
)
PARKS: Sequence[Sequence[Point]] = (
    ((37.655, 55.800), (37.690, 55.795), (37.740, 55.810), (37.760, 55.840), (37.700, 55.850), (37.665, 55.830)),
    ((37.545, 55.712), (37.575, 55.722), (37.595, 55.728), (37.585, 55.718), (37.560, 55.708)),
    ((37.415, 55.733), (37.470, 55.738), (37.475, 55.752), (37.430, 55.750)),
    ((37.655, 55.672), (37.685, 55.662), (37.690, 55.640), (37.665, 55.650)),
    ((37.535, 55.565), (37.600, 55.570), (37.580, 55.610), (37.540, 55.600)),
    ((37.760, 55.780), (37.800, 55.770), (37.820, 55.790), (37.790, 55.800)),
)  # fmt: skip
PLACES: Sequence[tuple[str, float, float]] = (
    ("Арбат", 37.591, 55.751),
    ("Хамовники", 37.573, 55.733),
    ("Якиманка", 37.609, 55.730),
    ("Замоскворечье", 37.634, 55.735),
    ("Таганский", 37.666, 55.740),
    ("Басманный", 37.668, 55.768),
    ("Пресненский", 37.562, 55.763),
    ("Тверской", 37.608, 55.771),
    ("Лефортово", 37.705, 55.756),
    ("Донской", 37.606, 55.703),
    ("Даниловский", 37.640, 55.706),
    ("Дорогомилово", 37.531, 55.741),
    ("Фили", 37.492, 55.747),
    ("Раменки", 37.500, 55.703),
    ("Академический", 37.577, 55.688),
    ("Нижегородский", 37.728, 55.735),
    ("Марьина Роща", 37.614, 55.797),
    ("Сокольники", 37.678, 55.793),
    ("Беговой", 37.560, 55.783),
    ("Аэропорт", 37.533, 55.802),
    ("Останкино", 37.620, 55.823),
    ("Измайлово", 37.785, 55.795),
    ("Перово", 37.780, 55.750),
    ("Текстильщики", 37.733, 55.707),
    ("Печатники", 37.720, 55.682),
    ("Нагатино", 37.657, 55.679),
    ("Зюзино", 37.590, 55.655),
    ("Кунцево", 37.425, 55.733),
    ("Очаково", 37.450, 55.690),
    ("Хорошёво", 37.505, 55.777),
    ("Щукино", 37.470, 55.803),
    ("Люблино", 37.757, 55.677),
    ("Чертаново", 37.605, 55.620),
    ("Бибирево", 37.605, 55.883),
    ("Медведково", 37.655, 55.872),
    ("Строгино", 37.400, 55.803),
    ("Тёплый Стан", 37.490, 55.630),
    ("Царицыно", 37.665, 55.625),
)


def project(point: Point) -> Point:
    """Where a point lies on the drawing."""

    def flat(longitude: float, latitude: float) -> Point:
        tangent = math.asinh(math.tan(math.radians(latitude)))
        return (longitude + 180) / 360 * WORLD, (1 - tangent / math.pi) / 2 * WORLD

    (x, y), (middle_x, middle_y) = flat(*point), flat(*CENTRE)
    return round(x - middle_x, 1), round(y - middle_y, 1)


def _smooth(points: Sequence[Point], *, closed: bool = False) -> str:
    """Draw a soft line through the middles of the given ones."""
    flat = [project(point) for point in points]
    if closed:
        flat = [*flat, flat[0], flat[1]]
    first = flat[0] if not closed else _middle(flat[0], flat[1])
    parts = [f"M{first[0]} {first[1]}"]
    for here, ahead in pairwise(flat[1:]):
        middle = _middle(here, ahead)
        parts.append(f"Q{here[0]} {here[1]} {middle[0]} {middle[1]}")
    if not closed:
        parts.append(f"L{flat[-1][0]} {flat[-1][1]}")
    return "".join(parts)


def _middle(one: Point, other: Point) -> Point:
    return round((one[0] + other[0]) / 2, 1), round((one[1] + other[1]) / 2, 1)


def _ring(width: float, height: float, centre: Point) -> str:
    around = [
        (
            centre[0] + width * math.cos(step * math.pi / 8),
            centre[1] + height * math.sin(step * math.pi / 8),
        )
        for step in range(16)
    ]
    return _smooth(around, closed=True)


@cache
def drawing() -> tuple[tuple[str, str], ...]:
    """All lines of the drawing with the kind that colours them."""
    return (
        *(("park", _smooth(each, closed=True)) for each in PARKS),
        ("river", _smooth(RIVER)),
        ("river thin", _smooth(YAUZA)),
        *(("road", _smooth(each)) for each in ROADS),
        *(("ring", _ring(*each)) for each in RINGS),
    )
