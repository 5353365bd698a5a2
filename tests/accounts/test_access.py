"""Who may do what on a project."""

import pytest

from orchestrator.bootstrap import Container
from orchestrator.core.caller import Caller
from orchestrator.core.errors import Forbidden, NotFound
from orchestrator.core.ids import new_id
from orchestrator.models.projects import Membership, Role
from tests.accounts.conftest import make_project, make_user


async def test_a_member_has_the_role_they_were_given_and_every_lower_one(container: Container) -> None:
    user = await make_user(container)
    project = await make_project(container, user, Role.MEMBER)
    assert await container.access.require(Caller(user), project, Role.VIEWER) is Role.MEMBER
    assert await container.access.require(Caller(user), project, Role.MEMBER) is Role.MEMBER
    with pytest.raises(Forbidden, match="admin"):
        await container.access.require(Caller(user), project, Role.ADMIN)


async def test_a_project_does_not_exist_for_a_stranger_be_they_admin_of_the_service(container: Container) -> None:
    project = await make_project(container, await make_user(container))
    stranger = Caller(await make_user(container, "eve@example.org"), is_admin=True)
    with pytest.raises(NotFound) as hidden:
        await container.access.require(stranger, project)
    with pytest.raises(NotFound) as absent:
        await container.access.require(stranger, new_id())
    assert str(hidden.value).split(" ")[:4] == str(absent.value).split(" ")[:4]


async def test_a_token_narrowed_to_another_project_is_refused_even_for_a_member(container: Container) -> None:
    user = await make_user(container)
    project = await make_project(container, user)
    other = await make_project(container, user)
    with pytest.raises(Forbidden, match="another project"):
        await container.access.require(Caller(user, project_id=other), project)


async def test_a_lost_membership_takes_effect_at_once_after_forget(container: Container) -> None:
    user = await make_user(container)
    project = await make_project(container, user)
    await container.access.require(Caller(user), project)
    async with container.database.session() as session:
        await session.delete(await session.get(Membership, (project, user)))
    container.access.forget()
    with pytest.raises(NotFound):
        await container.access.require(Caller(user), project)
