"""The operator's one command: `holdfast`. Each verb is a file; here they are only listed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from core.errors import HoldfastError, SettingsError

VERBS = {
    "run": "cli.run:run",
    "serve": "cli.serve:serve",
    "worker": "cli.worker:worker",
    "dev": "cli.dev:dev",
    "dev-cluster": "cli.dev_cluster:dev_cluster",
    "dev-s3": "cli.dev_s3:dev_s3",
    "status": "cli.status:status",
    "doctor": "cli.doctor:doctor",
    "failures": "cli.failures:failures",
    "retry": "cli.failures:retry",
    "rebuild": "cli.rebuild:rebuild",
    "verify": "cli.verify:verify",
    "purge": "cli.purge:purge",
    "edge-config": "cli.edge_config:edge_config",
    "store": "cli.store:store",
    "objects": "cli.objects:objects",
    "backup": "cli.backup:backup",
    "restore": "cli.restore:restore",
    "import": "cli.importing:import_",
    "export": "cli.export:export",
}


class Verbs(TyperGroup):
    """Imports only the verb that is called: an edge needs neither pipeline nor ingest, and starts the sooner."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        module, function = VERBS[cmd_name].split(":")
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(cmd_name)(getattr(import_module(module), function))
        return typer.main.get_command(single)


app = typer.Typer(
    cls=Verbs,
    name="holdfast",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def holdfast() -> None:
    """Profile pages by the million that stay up."""


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
    except OSError as error:
        words = (
            f"The system refused: {error}. Choose another folder with --data DIR, or run `holdfast doctor`."
        )
        Console(stderr=True, highlight=False).print(words, style="red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
