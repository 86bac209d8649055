"""Hypervisors' APIs, each with a screen behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.apiworld import World, world_of


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of("proxmox", tmp_path) as made:
        yield made


@pytest.fixture
async def kube(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of("kubevirt", tmp_path) as made:
        yield made


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of("openstack", tmp_path) as made:
        yield made
