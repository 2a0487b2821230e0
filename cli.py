"""The entry points: one function per script, each mounts its tool's verbs and turns errors into exit codes.

    0    done
    1    done, and the answer is no: gate not passed, findings
    2    could not do it: one line on stderr says why and what next, or a bug shows its traceback
    130  interrupted; what was done is kept

A tool's verbs live in its own `commands.py` as `app: typer.Typer`; heavy imports happen inside the verbs.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata
from typing import Annotated, NoReturn

import typer

from workbench import console
from workbench.errors import OpenbookError

_PRIVATE = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
"""Nothing is reported to anyone, and no price list is fetched; a value that the user has set stays."""


def apo() -> NoReturn:
    """Run the script `apo`."""
    _keep_private()
    from apo import commands

    _run("apo", commands.app, "Optimize prompts in batches, and release only what a sealed test confirms.")


def reer() -> NoReturn:
    """Run the script `reer`."""
    _keep_private()
    from reer import commands

    _run("reer", commands.app, "Turn what experts say into manuals, and measure what they are worth.")


def _keep_private() -> None:
    """Switch off what libraries would report, before any is imported."""
    for name, value in _PRIVATE.items():
        os.environ.setdefault(name, value)


def _run(name: str, verbs: typer.Typer, help_text: str) -> NoReturn:
    """Run one script to its exit code."""
    try:
        _mount(name, verbs, help_text)(prog_name=name)
    except OpenbookError as exc:
        console.fail(str(exc))
        code: int | str | None = 2
    except OSError as exc:
        console.fail(f"the system refused: {exc}")
        code = 2
    except KeyboardInterrupt:
        code = 130
    except SystemExit as exc:
        code = exc.code
    except Exception as exc:  # noqa: BLE001 - the outermost frame: a bug is shown in full and never exits with 1
        console.fail_with_traceback(exc)
        code = 2
    if code == 130:
        console.warn("interrupted; what was done is kept: give the command again, with --resume where it has one")
    sys.exit(code)


def _mount(name: str, verbs: typer.Typer, help_text: str) -> typer.Typer:
    """Put a tool's verbs under the options that every script shares."""
    root = typer.Typer(
        name=name,
        help=help_text,
        callback=_share,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    root.add_typer(verbs)
    return root


def _print_version(context: typer.Context, wanted: bool) -> None:
    """Answer `--version`."""
    if wanted:
        console.print_text(f"{context.info_name} {metadata.version('openbook')}")
        raise typer.Exit


def _share(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors on stderr.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Details on stderr.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Apply the options that stand before the verb."""
    console.set_verbosity("quiet" if quiet else "verbose" if verbose else "normal")
