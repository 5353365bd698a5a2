"""``login`` and ``logout``: keep a log-in for the client commands, and end it. Passwords are never stored."""

import asyncio
import os
from typing import Annotated, Any

import typer

from orchestrator.cli.client.api import Api
from orchestrator.cli.client.login_file import URL, forget_login, service_url, store_login

app = typer.Typer(add_completion=False)
logout_app = typer.Typer(add_completion=False)

_PASSWORD = "ORCHESTRATOR_PASSWORD"  # noqa: S105  the name of a variable


@app.command()
def login(
    email: Annotated[str, typer.Option(prompt="E-mail", help="Your account's e-mail.")],
    url: Annotated[str, typer.Option(help=f"The service; default: {URL}, else the last one, else this machine.")] = "",
    register: Annotated[bool, typer.Option("--register", help="Make the account first.")] = False,
) -> None:
    """Log in with e-mail and password; ORCHESTRATOR_PASSWORD is read where nobody can be asked."""
    password = os.environ.get(_PASSWORD) or typer.prompt("Password", hide_input=True, confirmation_prompt=register)
    where = service_url(url)

    async def work() -> dict[str, Any]:
        async with Api(where) as api:
            if register:
                await api.post("/auth/register", {"email": email, "password": password})
            answer: dict[str, Any] = await api.post("/auth/login", {"email": email, "password": password})
            return answer

    store_login(where, email, asyncio.run(work()))
    typer.echo(f"Logged in at {where} as {email}.")


@logout_app.command()
def logout() -> None:
    """End the stored log-in, here and at the service."""
    where = service_url()
    mine = forget_login(where)
    if mine is None:
        typer.echo(f"Nobody is logged in at {where}.")
        return

    async def work() -> None:
        async with Api(where) as api:
            await api.post("/auth/logout", {"refresh_token": mine["refresh_token"]})

    asyncio.run(work())
    typer.echo(f"Logged out at {where}.")
