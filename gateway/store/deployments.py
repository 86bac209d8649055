"""Template deployments: what each asks for, secrets taken out, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.deployment.progress import ACTIVE, DeploymentState, Step, steps_from_json
from gateway.store.rows import many, one, values_of
from gateway.store.schema import deployments

DEPLOYMENT = select(*(column for column in deployments.c if column.name != "key"))


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment. INVARIANT: but for `pending`, which is sealed, it holds no secret."""

    id: str
    resource_id: str
    subscription_id: str
    node: str  # which sees it through
    mode: str
    state: DeploymentState
    parameters: str  # JSON: name to {"type", "value"?}
    outputs: str  # JSON, likewise
    resources: str  # JSON, see `deployment.progress`
    pending: str | None = field(repr=False)  # sealed; None once it is over
    correlation_id: str
    account_id: str
    started_at: datetime
    ended_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.resource_id.rpartition("/")[2]

    @property
    def steps(self) -> tuple[Step, ...]:
        return steps_from_json(self.resources)

    @property
    def active(self) -> bool:
        return self.state in ACTIVE


class Deployments:
    """The deployments of one unit of work. Ids are compared without regard to case."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, deployment: Deployment) -> None:
        await self._connection.execute(insert(deployments).values(_columns(deployment)))

    async def get(self, resource_id: str) -> Deployment | None:
        return await self._one(deployments.c.key == resource_id.lower())

    async def by_id(self, deployment_id: str) -> Deployment | None:
        return await self._one(deployments.c.id == deployment_id)

    async def below(self, scope: str) -> tuple[Deployment, ...]:
        """Return the deployments to a resource group, given by its id, newest first."""
        start = f"{scope.lower()}/"
        mine = DEPLOYMENT.where(deployments.c.key.startswith(start, autoescape=True))
        newest = deployments.c.started_at.desc(), deployments.c.id
        return await many(self._connection, mine.order_by(*newest), Deployment)

    async def active(self, node: str) -> tuple[Deployment, ...]:
        """Return those that this node has yet to see through, oldest first."""
        mine = deployments.c.state.in_(ACTIVE), deployments.c.node == node
        oldest = deployments.c.started_at, deployments.c.id
        found = DEPLOYMENT.where(*mine).order_by(*oldest)
        return await many(self._connection, found, Deployment)

    async def update(self, deployment: Deployment) -> None:
        """Write `deployment` over the row with its id."""
        row = update(deployments).where(deployments.c.id == deployment.id)
        await self._connection.execute(row.values(_columns(deployment)))

    async def remove(self, deployment_id: str) -> None:
        await self._connection.execute(delete(deployments).where(deployments.c.id == deployment_id))

    async def _one(self, condition: Any) -> Deployment | None:
        return await one(self._connection, DEPLOYMENT.where(condition), Deployment)


def _columns(deployment: Deployment) -> dict[str, Any]:
    return values_of(deployment) | {"key": deployment.resource_id.lower()}
