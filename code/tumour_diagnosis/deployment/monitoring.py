"""Monitoring: `rml monitor`.

Edit the defaults of `Monitoring`. Variables of the environment win, as
RML_MONITOR_MAX_REFUSED=0.1: docs/monitoring.md lists them.
"""

from reproducible_ml.monitoring.settings import Hours, Settings
from reproducible_ml.serving.environment import NotNegative, Share


class Monitoring(Settings):
    """When an alert is raised."""

    max_age_hours: Hours | None = 168  # age of the newest row; None for no limit
    max_refused: Share = 0.05  # share of rows that break the contract
    min_rows: NotNegative = 0  # fewest rows of an hour, day or week that has ended
    alert_command: str | None = None  # gets each alert as JSON on its standard input
    alert_repeat_hours: Hours = 24  # then the same alert is sent again


def settings() -> Monitoring:
    """Return the settings."""
    return Monitoring.from_environment()
