"""Settings of monitoring: defaults, those of the project, and of the environment."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from reproducible_ml.serving.environment import (
    FromEnvironment,
    NotNegative,
    Seconds,
    Share,
)

# RML_MONITOR_MAX_REFUSED sets max_refused, and so on.
PREFIX = "RML_MONITOR_"

Hours = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Settings(FromEnvironment):
    """When an alert is raised, and where it goes.

    Attributes:
        max_age_hours: Age of the newest row from which a log is stale; None: no limit.
        max_refused: Share of rows that break the contract from which that is an alert.
        min_rows: Fewest rows of a window that has ended; 0 for no limit.
        alert_command: A command that gets each alert as JSON on its standard input.
        alert_repeat_hours: After how long the same alert is sent again.
        alert_seconds: How long a command or an address may take.
        webhook: Address that each alert is sent to. It may be a secret, so it is read
            from RML_MONITOR_WEBHOOK only.
        webhook_header: A header for it, as `Authorization: Bearer TOKEN`; likewise from
            RML_MONITOR_WEBHOOK_HEADER.
    """

    prefix: ClassVar[str] = PREFIX

    max_age_hours: Hours | None = 168
    max_refused: Share = 0.05
    min_rows: NotNegative = 0
    alert_command: str | None = None
    alert_repeat_hours: Hours = 24
    alert_seconds: Seconds = 10
    webhook: SecretStr | None = None
    webhook_header: SecretStr | None = None
