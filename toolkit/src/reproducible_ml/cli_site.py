"""The command of `rml` that builds the documentation; `cli` adds it to the others."""

import sys

import click

from reproducible_ml.console import examples, project


@click.command(epilog=examples("rml site", "rml site --open", "rml site --serve"))
@click.option("--open", "opened", is_flag=True, help="Open it in a browser, as a file.")
@click.option(
    "--serve", is_flag=True, help="Serve it on this computer, and follow changes."
)
@click.option(
    "--port", default=8000, show_default=True, help="Of --serve; 0: a free one."
)
def site(*, opened: bool, serve: bool, port: int) -> None:
    """Build the documentation as a site, in the folder site/.

    It has README, all pages in docs/, the model card, the report, the commands, and the
    docstrings of the project and the toolkit. It asks nothing of a network, and can be
    read from the disk. A link that leads nowhere is an error, with a line for each.
    Its packages are installed into an environment of their own. If nothing changed, it
    is not built again.
    """
    from reproducible_ml.site.build import build
    from reproducible_ml.site.serve import show

    root = click.get_current_context().find_root()
    helps = {
        f"rml {name}": command.get_help(
            click.Context(command, info_name=f"rml {name}", max_content_width=88)
        )
        for name, command in getattr(root.command, "commands", {}).items()
        if not command.hidden
    }
    found = project()
    if serve:
        from reproducible_ml.site.serve import serve as run

        run(found, helps, port, browser=opened)
        return
    built = build(found, helps)
    show(built, sys.stdout)
    if opened:
        import webbrowser

        page = (built.folder / "index.html").resolve()
        if not webbrowser.open(page.as_uri()):
            click.echo(f"No browser was found. Open {page}")


COMMANDS = (site,)
