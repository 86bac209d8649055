"""The house stands as drawn: imports point down only, and pure rooms touch nothing outside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gateway"

# From the roof down. A room imports from lower floors only, never from its neighbours.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"__main__", "conformance"}),
    frozenset({"cli"}),
    frozenset({"demo"}),
    frozenset({"serving"}),
    frozenset({"app"}),
    frozenset({"viewing", "api", "web", "operations"}),
    frozenset({"edge"}),
    frozenset({"actions"}),
    frozenset({"store", "identity", "inventory", "consoles", "backends", "guests", "bus"}),
    frozenset({"policy", "rfb", "recovery", "deployment"}),
    frozenset({"errors", "settings", "assets", "certificates", "listener"}),
    frozenset({"illegible"}),
)
# What any room may import: it holds no behaviour of ours beyond itself.
GROUND = frozenset({"errors"})

PURE = ("policy", "rfb", "recovery", "deployment")
IMPURE_MODULES = frozenset(
    {"asyncio", "socket", "ssl", "time", "random", "os", "logging", "aiohttp", "sqlalchemy",
     "secrets", "threading", "subprocess", "pathlib", "structlog"}
)  # fmt: skip


def floor_of(room: str) -> int:
    return next(level for level, rooms in enumerate(FLOORS) if room in rooms)


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if 1 < len(parts) else "__init__"


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            base = node.module or ""
            found |= {f"{base}.{a.name}" for a in node.names} if base == "gateway" else {base}
    return found


def sources() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "vendor" not in p.parts)


def module_of(path: Path) -> str:
    return ".".join(("gateway", *path.relative_to(PACKAGE).with_suffix("").parts))


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(module_of(path)) for path in sources()} - {"__init__"}
    assert rooms <= frozenset().union(*FLOORS)


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_imports_point_down(path: Path) -> None:
    room = room_of(module_of(path))
    if room == "__init__":
        return
    wrong = sorted(
        module
        for module in imports_of(path)
        if module.startswith("gateway.")
        and (other := room_of(module)) not in {room, "__version__"} | GROUND
        and floor_of(other) <= floor_of(room)
    )
    assert not wrong, f"{module_of(path)} imports {wrong}"


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_touch_nothing_outside(room: str) -> None:
    wrong = {
        module_of(path): bad
        for path in sources()
        if room_of(module_of(path)) == room
        and (bad := {m.split(".")[0] for m in imports_of(path)} & IMPURE_MODULES)
    }
    assert not wrong


def test_every_task_has_an_owner() -> None:
    """`create_task` is called on a TaskGroup only, which we name `tasks`; never on a loop."""
    wrong = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if node.func.attr == "ensure_future" or (
                    node.func.attr == "create_task" and not owner.endswith("tasks")
                ):
                    wrong.append(f"{module_of(path)}:{node.lineno}")
    assert not wrong


def test_no_error_is_kept_to_be_raised_again() -> None:
    """Each time that an error is raised its traceback grows, and with it what its frames hold."""
    wrong = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            raised = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(raised, ast.Name) and raised.id.strip("_").isupper():
                wrong.append(f"{module_of(path)}:{raised.lineno}")
    assert not wrong
