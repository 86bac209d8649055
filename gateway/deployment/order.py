"""Which resource waits for which: `dependsOn` in all its spellings, and an order without cycles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from gateway.deployment.refusals import invalid, named
from gateway.deployment.resource_ids import interleaved
from gateway.deployment.resources import Declared


def dependencies(resources: Sequence[Declared]) -> list[frozenset[int]]:
    """For each resource, the indices of those that must be there before it.

    A child waits for its parent too, whether or not it says so. Raises: DeploymentRefused.
    """
    spelled = _spellings(resources)
    for short, indices in _short_names(resources).items():
        spelled.setdefault(short, indices)
    place = {resource.key: index for index, resource in enumerate(resources)}
    return [
        frozenset(
            {_found(spelled, resource, entry) for entry in resource.depends_on}
            | ({place[resource.parent.key]} if resource.parent is not None else set())
        )
        for resource in resources
    ]


def in_order(resources: Sequence[Declared], needs: Sequence[frozenset[int]]) -> list[int]:
    """Indices, each after those it needs; else as the template has them.

    Raises: DeploymentRefused where resources wait for each other.
    """
    order: list[int] = []
    placed: set[int] = set()
    waiting = list(range(len(resources)))
    while waiting:
        ready = [index for index in waiting if needs[index] <= placed]
        if not ready:
            stuck = resources[_in_cycle(waiting[0], needs, placed)]
            raise invalid(
                f"Circular dependency detected on resource: '{stuck.id}'. "
                "Please see https://aka.ms/arm-syntax-resources for usage details",
                stuck.written,
            )
        order += ready
        placed.update(ready)
        waiting = [index for index in waiting if index not in placed]
    return order


def _in_cycle(start: int, needs: Sequence[frozenset[int]], placed: set[int]) -> int:
    """A resource that waits for itself, found by following `start`'s needs round."""
    seen: set[int] = set()
    while start not in seen:
        seen.add(start)
        start = min(needs[start] - placed)
    return start


def _spellings(resources: Sequence[Declared]) -> dict[str, set[int]]:
    """Every way to write a resource in `dependsOn`, casefolded: id, type with names, name."""
    found: dict[str, set[int]] = defaultdict(set)
    for index, resource in enumerate(resources):
        tail = interleaved(resource.type, resource.name)
        for spelling in (resource.id, tail, f"/{tail}", resource.name):
            found[spelling.casefold()].add(index)
    return found


def _short_names(resources: Sequence[Declared]) -> dict[str, set[int]]:
    """A nested resource may go by the name that its template gives it within its parent."""
    found: dict[str, set[int]] = defaultdict(set)
    for index, resource in enumerate(resources):
        if resource.parent is not None:
            found[resource.name.rpartition("/")[2].casefold()].add(index)
    return found


def _found(spelled: dict[str, set[int]], resource: Declared, entry: str) -> int:
    known = spelled.get(entry.casefold(), set())
    if len(known) == 1:
        return next(iter(known))
    if known:
        raise invalid(
            f"The name '{named(entry)}' in the dependsOn of the resource '{named(resource.name)}' "
            "is that of several resources; write its type too, or its resourceId",
            resource.written,
        )
    raise invalid(
        f"The resource '{named(entry)}' is not defined in the template. "
        "Please see https://aka.ms/arm-syntax for usage details",
        resource.written,
    )
