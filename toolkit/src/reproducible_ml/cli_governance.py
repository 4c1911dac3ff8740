"""Commands of `rml` on governance; `cli` adds them to the others."""

import click

COMMANDS: tuple[click.Command, ...] = ()
