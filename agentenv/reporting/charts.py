"""Small charts as inline SVG. Colours are classes, so that the page's theme decides them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from agentenv.reporting.content import Curve, Series
from agentenv.statistics import SuccessRate

WIDTH, HEIGHT = 520, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 12, 38
_MOST_POINTS = 300
_SMOOTHED_FROM = 40
"""Lines with at least so many points are drawn faint, with a running mean over them."""
_MEAN_SPAN = 0.05
"""Share of the points that the running mean is taken over."""

Points = Sequence[tuple[float, float]]


def line_chart(curve: Curve) -> Markup:
    """A chart with axes, a grid, and a legend where there is more than one line."""
    drawn = [series for series in curve.series if series.points]
    if not drawn:
        return Markup('<p class="muted">no data</p>')
    x_ticks = ticks(*_range([x for series in drawn for x, _ in series.points]), most=6)
    y_range = curve.y_range or _range([y for series in drawn for _, y in series.points])
    y_ticks = ticks(*y_range, most=5)
    axes = _Axes((x_ticks[0], x_ticks[-1]), (y_ticks[0], y_ticks[-1]))
    parts = [_grid(axes, x_ticks, y_ticks, curve)]
    parts += [_line(axes, series, number) for number, series in enumerate(drawn)]
    chart = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    picture = chart.format(WIDTH, HEIGHT, curve.title, Markup("").join(parts))
    return _legend(drawn) + picture if len(drawn) > 1 else picture


def interval_bar(rate: SuccessRate, width: int = 260) -> Markup:
    """A rate as a dot with its 95 % interval, on a scale from 0 to 100 %."""
    height = 22
    middle = height / 2
    marks = Markup("").join(
        Markup('<line class="tick" x1="{0}" x2="{0}" y1="2" y2="{1}"/>').format(
            _round(4 + part * (width - 8)), height - 2
        )
        for part in (0, 0.25, 0.5, 0.75, 1)
    )
    body = Markup("")
    if rate.n:
        low, high = (4 + part * (width - 8) for part in rate.interval)
        body = Markup(
            '<line class="whisker" x1="{}" x2="{}" y1="{y}" y2="{y}"/>'
            '<circle class="dot" cx="{}" cy="{y}" r="5"/>'
        ).format(_round(low), _round(high), _round(4 + rate.rate * (width - 8)), y=middle)
    return Markup(
        '<svg class="interval" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
        'aria-label="{2}">{3}{4}</svg>'
    ).format(width, height, str(rate), marks, body)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers that span [low, high], about `most` of them at most."""
    rough = (high - low) / max(most - 1, 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def running_mean(points: Points) -> list[tuple[float, float]]:
    """Mean of the points around each point, so many on each side as there are on both."""
    reach = max(1, round(len(points) * _MEAN_SPAN / 2))
    sums = [0.0]
    for _, y in points:
        sums.append(sums[-1] + y)
    means = []
    for position, (x, _) in enumerate(points):
        side = min(reach, position, len(points) - 1 - position)
        first, last = position - side, position + side + 1
        means.append((x, (sums[last] - sums[first]) / (last - first)))
    return means


class _Axes:
    """Data coordinates to SVG coordinates."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._x, self._y = x, y

    def x(self, value: float) -> str:
        part = (value - self._x[0]) / (self._x[1] - self._x[0])
        return _round(_LEFT + part * (WIDTH - _LEFT - _RIGHT))

    def y(self, value: float) -> str:
        part = (value - self._y[0]) / (self._y[1] - self._y[0])
        return _round(HEIGHT - _BOTTOM - part * (HEIGHT - _TOP - _BOTTOM))


def _grid(axes: _Axes, x_ticks: list[float], y_ticks: list[float], curve: Curve) -> Markup:
    parts = []
    for value, text in zip(y_ticks, _tick_labels(y_ticks), strict=True):
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{y}" y2="{y}"/>'
                '<text x="{}" y="{y}" dy="4" text-anchor="end">{}</text>'
            ).format(_LEFT, WIDTH - _RIGHT, _LEFT - 7, text, y=axes.y(value))
        )
    for value, text in zip(x_ticks, _tick_labels(x_ticks), strict=True):
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                axes.x(value), HEIGHT - _BOTTOM + 16, text
            )
        )
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    label = Markup('<text class="label" x="{}" y="{}" text-anchor="middle">{}</text>')
    parts.append(label.format(_round(middle), HEIGHT - 4, curve.x_label))
    if curve.y_label:
        across = Markup(
            '<text class="label" transform="translate(11 {}) rotate(-90)" '
            'text-anchor="middle">{}</text>'
        )
        parts.append(across.format((_TOP + HEIGHT - _BOTTOM) / 2, curve.y_label))
    return Markup("").join(parts)


def _line(axes: _Axes, series: Series, number: int) -> Markup:
    colour = f"series-{number % 6}"
    if len(series.points) == 1:
        x, y = series.points[0]
        point = Markup('<circle class="{} point" cx="{}" cy="{}" r="4"/>')
        return point.format(colour, axes.x(x), axes.y(y))
    if len(series.points) < _SMOOTHED_FROM:
        return _path(axes, series.points, colour)
    faint = _path(axes, _thin(series.points), f"{colour} faint")
    return faint + _path(axes, _thin(running_mean(series.points)), colour)


def _path(axes: _Axes, points: Points, classes: str) -> Markup:
    coordinates = " ".join(f"{axes.x(x)},{axes.y(y)}" for x, y in points)
    return Markup('<polyline class="line {}" points="{}"/>').format(classes, coordinates)


def _legend(drawn: Sequence[Series]) -> Markup:
    items = Markup("").join(
        Markup('<span><i class="series-{}"></i>{}</span>').format(number % 6, series.label)
        for number, series in enumerate(drawn)
    )
    return Markup('<div class="legend">{}</div>').format(items)


def _thin(points: Points) -> list[tuple[float, float]]:
    """At most about `_MOST_POINTS` of the points, the last one among them."""
    stride = math.ceil(len(points) / _MOST_POINTS)
    return [*points[:-1:stride], points[-1]]


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    margin = abs(low) / 10 or 0.5
    return low - margin, high + margin


def _tick_labels(values: Sequence[float]) -> list[str]:
    step = min(b - a for a, b in pairwise(values))
    if max(abs(values[0]), abs(values[-1])) >= 1e5 or step < 1e-4:
        return [f"{value:.3g}" for value in values]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step * 10**decimals, 6) % 1:
        decimals += 1
    return [f"{value + 0.0:,.{decimals}f}" for value in values]


def _round(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
