"""``unprompt doctor``, ``suites``, ``methods`` and ``datasets``: what this machine has and what there is."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    selftest: Annotated[
        bool, typer.Option("--selftest", help="Also judge the shipped pictures and compare with their golden scores.")
    ] = False,
) -> None:
    """Check this machine and tell how to mend it.

    Exit code: 0 = nothing fails, 1 = something does.
    """
    from unprompt.cli.output import print_dataclasses, quiet_stdout
    from unprompt.workflows.doctor import doctor as work

    with quiet_stdout():
        findings = work(selftest=selftest)
    print_dataclasses(findings)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(1)


def suites() -> None:
    """List the sets of models."""
    from unprompt.cli.output import print_dataclasses
    from unprompt.workflows.catalogue import suites as work

    print_dataclasses(work())


def methods() -> None:
    """List the methods."""
    from unprompt.cli.output import print_dataclasses
    from unprompt.workflows.catalogue import methods as work

    print_dataclasses(work())


def datasets() -> None:
    """List the datasets that --data knows."""
    from unprompt.cli.output import print_dataclasses
    from unprompt.workflows.catalogue import datasets as work

    print_dataclasses(work())
