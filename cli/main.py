"""The operator's one command: `holdfast`. Each verb is a file; here they are only listed."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from core.errors import HoldfastError, SettingsError

app = typer.Typer(
    name="holdfast",
    help="Profile pages by the million that stay up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _verbs() -> None:
    from cli.dev import dev
    from cli.doctor import doctor
    from cli.export import export
    from cli.failures import failures, retry
    from cli.importing import import_
    from cli.purge import purge
    from cli.rebuild import rebuild
    from cli.run import run
    from cli.serve import serve
    from cli.status import status
    from cli.worker import worker

    for verb in (run, serve, worker, dev, status, doctor, failures, retry, rebuild, purge, export):
        app.command()(verb)
    app.command("import")(import_)


_verbs()


def main() -> None:
    """Runs the verb. An error is a sentence on standard error and exit code 1, never a traceback."""
    try:
        app()
    except SettingsError as error:
        console = Console(stderr=True, highlight=False)
        console.print("[bold red]The settings hold mistakes:[/]")
        for mistake in error.mistakes:
            console.print(f"  • {mistake}", markup=False)
        sys.exit(1)
    except HoldfastError as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
