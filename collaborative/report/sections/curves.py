"""The curves that can be read off by hovering."""

from __future__ import annotations

from collaborative.report import charts


def parts(context):
    """What the page's script draws."""
    return {"charts": charts.chart_data(context.runs)}
