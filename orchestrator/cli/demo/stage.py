"""The demo's stage: steps with headings, what came of each, and the summary at the end. Used by the demo's parts.

An error of a step is printed and remembered, and the demo goes on with what does not depend on it.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from orchestrator.cli.client.screen import clean
from orchestrator.core.errors import OrchestratorError


@dataclass
class Step:
    """One step and what came of it."""

    title: str
    said: str = ""
    ok: bool = True
    seconds: float = 0.0

    def say(self, text: str) -> None:
        """What the summary tells of it."""
        self.said = clean(text, 200)


class Stage:
    """Where steps are shown."""

    def __init__(self, out: Console) -> None:
        self.out = out
        self.steps: list[Step] = []

    @property
    def all_well(self) -> bool:
        """Whether there were steps and each did what it says."""
        return bool(self.steps) and all(step.ok for step in self.steps)

    @asynccontextmanager
    async def step(self, title: str) -> AsyncIterator[Step]:
        """A heading, then the block; an error of ours ends the step, not the demo."""
        step = Step(title)
        self.steps.append(step)
        self.out.print()
        self.out.rule(Text(f"{len(self.steps)}  {title}", style="bold"), align="left", style="cyan")
        started = time.monotonic()
        try:
            yield step
        except OrchestratorError as error:
            step.ok = False
            step.say(error.message)
            self.out.print(Text("error  ", style="bold red").append(clean(error.message, 2000), style="not bold"))
            if error.hint:
                self.out.print(Text("hint   ", style="bold").append(clean(error.hint, 2000), style="not bold"))
        finally:
            step.seconds = time.monotonic() - started

    def progress(self) -> Progress:
        """Bars that stay on the screen when they are full."""
        return Progress(
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            console=self.out,
        )

    def summary(self) -> None:
        """Every step with its outcome."""
        made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=True)
        made.add_column("")
        made.add_column("Step", overflow="fold", ratio=2)
        made.add_column("Outcome", overflow="fold", ratio=3)
        made.add_column("Time", justify="right", no_wrap=True)
        for step in self.steps:
            mark = Text("✓", style="green") if step.ok else Text("✗", style="bold red")
            made.add_row(mark, step.title, Text(step.said, style="" if step.ok else "red"), f"{step.seconds:.1f} s")
        self.out.print()
        self.out.rule(Text("Summary", style="bold"), align="left", style="cyan")
        self.out.print(made)
