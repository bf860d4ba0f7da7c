"""The command `mindbridge`: its subcommands, and how their errors are told."""

from __future__ import annotations

import importlib
import keyword
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NoReturn

import click

from mindbridge_cli.output import ExitCode
from mindbridge_cli.settings import Settings, SettingsRefused, load_settings

__all__ = ["mindbridge", "settings_of"]

COMMANDS: Final = MappingProxyType(
    {
        "admin": "The first clinic and its administrator.",
        "ai": "What asking a language model took, and what that costs.",
        "audit": "Verify the audit trail, make checkpoints of it, give it out, copy it to sinks.",
        "config": "Show the settings, with secrets masked.",
        "db": "The database's schema.",
        "demo": "Run everything in one go, with a sample clinic.",
        "drift": "Compare the screenings of late with those before.",
        "evaluate": "Hold an assessor against cases whose level is known.",
        "doctor": "Check a set-up and say how to mend it.",
        "import": "Take the people of a CSV file into care.",
        "keys": "Master keys and token keys.",
        "screen": "Screen all active patients by the clinical rules.",
        "seed": "Load a clinic, its staff and patients from a file.",
        "serve": "Run the server.",
        "worker": "Run the batches of screenings that were ordered.",
    }
)


class _Commands(click.Group):
    """Loads a command only when it is called, so that `--help` is quick and extras are needed by their users alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return all names."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        """Return the command of this name."""
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"mindbridge_cli.commands.{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """List the commands without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run, and tell errors in a line instead of a traceback, which may quote what was worked on."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except SettingsRefused as refused:
            _fail("the settings cannot be used", list(refused.findings), ExitCode.WRONG_USAGE)
        except ModuleNotFoundError as absent:
            _fail(f"this needs more extras ({absent.name} is missing): pip install 'mindbridge-core[all]'")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and the exit code says so
            _tell(error)


def _tell(error: Exception) -> NoReturn:
    from mindbridge_cli.failures import in_words

    told = in_words(error)
    _fail(told[0], told[1:])


def _fail(what: str, findings: list[str] | tuple[str, ...] = (), code: ExitCode = ExitCode.FAILED) -> NoReturn:
    click.echo("\n".join([f"mindbridge: {what}", *(f"  - {finding}" for finding in findings)]), err=True)
    raise click.exceptions.Exit(code)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mindbridge-core")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file with settings; MINDBRIDGE_* variables win over it.",
)
@click.pass_context
def mindbridge(ctx: click.Context, config: Path | None) -> None:
    """Behavioral-health caseloads kept private, screened daily, and accountable.

    Exit codes: 0 done, 1 the work failed, 2 wrong usage, 3 a check found something.
    """
    ctx.obj = config


def settings_of(ctx: click.Context) -> Settings:
    """Return the settings for a command."""
    return load_settings(ctx.find_root().obj)
