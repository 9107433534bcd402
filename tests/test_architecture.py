"""The one-way rules between the rooms, read from the syntax trees."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in [*ROOT.glob("features/**/*.py"), *ROOT.glob("models/**/*.py"), ROOT / "train.py",
                 ROOT / "predict.py"]
}  # fmt: skip
TREES = {module: ast.parse(path.read_text()) for module, path in MODULES.items()}

# The floor plan: a module imports its own room and those before it, never one after it.
ROOMS = (
    "features.terminal",
    "features.provenance", "features.panel",
    "features.witness", "features.market", "features.plausibility",
    "features.catalogue", "features.health", "features.storage", "features.reference.exclusions",
    "features.sources.columns", "features.sources.cells",
    "features.sources.tables", "features.sources.deferred",
    "features.sources.directory", "features.reference", "features.sources.etf_flows",
    "features.sources.yahoo", "features.sources.coinmarketcap",
    "features.sources.automatic", "features.reference.makers", "features.reference.make",
    "models.workers", "models.errors", "models.formatting",
    "models.vocabulary", "models.answers", "models.season",
    "models.outlook", "models.hazard", "models.forecasting", "models.verification",
    "models.training", "models.sweep", "models.ledger", "models.tracking", "models.report",
    "models.cli",
    "models.api", "train", "predict",
)  # fmt: skip
DISK_ROOMS = ("features.storage", "features.reference", "features.sources")
DISK_AND_NETWORK = {
    "requests", "httpx", "yfinance", "curl_cffi", "urllib", "pyarrow", "pathlib", "json", "http",
    "io", "os", "tempfile", "socket", "platformdirs",
}  # fmt: skip
# What knows the process and its streams, and nothing of data.
PROCESSES = {"features.terminal"}
READ_THE_CLOCK = {
    "models.cli.options", "features.sources.etf_flows.command", "features.reference.make",
    # How long, never which day.
    "features.sources.yahoo.client", "features.sources.coinmarketcap.client",
    "features.sources.automatic",
}  # fmt: skip
KNOW_TYPER = {"models.cli", "features.sources.etf_flows.command", "train", "predict"}


@cache
def imports(module: str) -> frozenset[str]:
    """Names of all modules that a module imports when it runs, anywhere in it."""
    found: set[str] = set()
    tree = TREES[module]
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are by full name"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@cache
def reached(module: str, but_for: str = "") -> frozenset[str]:
    """Modules of this project that a module imports, directly or through others but one."""
    seen: set[str] = set()
    open_modules = [module]
    while open_modules:
        for name in imports(open_modules.pop()) & set(MODULES):
            if name not in seen and name != but_for:
                seen.add(name)
                open_modules.append(name)
    return frozenset(seen)


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def names_of(*rooms: str) -> list[str]:
    return [name for name in MODULES if any(within(name, room) for room in rooms)]


def importers(package: str) -> set[str]:
    return {module for module in MODULES if any(within(name, package) for name in imports(module))}


def floor_of(name: str) -> int | None:
    """A module that is named itself need not be on the floor of its room."""
    floors = [(len(room), floor) for floor, room in enumerate(ROOMS) if within(name, room)]
    return max(floors)[1] if floors else None


# --- the plan ------------------------------------------------------------------------------------


def test_the_rules_see_the_modules():
    assert {"features.panel", "models.season.labels", "models.verification.scores", "train"} <= set(
        MODULES
    )
    assert "features.panel" in reached("train")
    assert all(names_of(room) for room in ROOMS)


def test_no_module_imports_a_room_above_its_own():
    # The rooms of rooms hold a docstring only.
    assert {m for m in MODULES if floor_of(m) is None} == {"features", "features.sources", "models"}
    assert not {
        (module, name)
        for module in MODULES
        for name in imports(module) & set(MODULES)
        if (floor_of(name) or 0) > (floor_of(module) or 0)
    }


def test_a_room_only_says_what_it_promises():
    rooms = [module for module in MODULES if MODULES[module].name == "__init__.py"]
    assert not [m for m in rooms if len(TREES[m].body) != 1 or not ast.get_docstring(TREES[m])]


def test_no_name_is_resolved_at_run_time():
    """What resolves names without the syntax tree would make every other rule here blind."""
    for module, tree in TREES.items():
        assert not [
            name
            for name in imports(module)
            if within(name, "runpy")
            or (within(name, "importlib") and name.split(".")[1:] not in ([], ["metadata"]))
        ], module
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        forbidden = {"__getattr__", "__dir__", "__import__", "importlib", "eval", "exec"}
        assert not (functions | named) & forbidden, module


def test_scripts_and_commands_are_imported_by_nobody():
    assert not importers("train") | importers("predict")
    command = "features.sources.etf_flows.command"
    assert importers(command) == {"features.sources.etf_flows.__main__"}


# --- features ------------------------------------------------------------------------------------


def outside(module: str) -> set[str]:
    """Packages that a module imports."""
    return {name.split(".")[0] for name in imports(module)}


def test_features_never_import_models_or_mlflow():
    assert not [m for m in names_of("features") if outside(m) & {"models", "mlflow"}]


def test_features_leave_disk_and_network_to_the_sources():
    pure = {*names_of("features")} - {*names_of(*DISK_ROOMS), *PROCESSES}
    assert not [module for module in pure if outside(module) & DISK_AND_NETWORK]
    assert not [module for module in pure if reached(module) & {*names_of(*DISK_ROOMS)}]


def test_one_module_asks_coinmarketcap():
    assert importers("httpx") == {"features.sources.coinmarketcap.client"}


@pytest.mark.parametrize("client", ["yfinance", "curl_cffi"])
def test_one_module_asks_yahoo_and_imports_late(client):
    asking = "features.sources.yahoo.client"
    assert importers(client) == {asking}
    at_once = [n for n in TREES[asking].body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert at_once
    assert not [node for node in at_once if client in ast.unparse(node)]


# --- looking forward -----------------------------------------------------------------------------


def test_only_training_and_judging_reach_the_labels():
    assert importers("models.season.labels") == {
        "models.season.outcomes", "models.training.run", "models.training.landmarks",
        "models.training.claims", "models.training.prospective", "models.training.replay",
        "models.sweep.evaluate",
    }  # fmt: skip
    assert importers("models.season.outcomes") <= {
        "models.ledger.judging", *names_of("models.training")
    }  # fmt: skip
    assert importers("models.season.outcome_file") == {
        "models.training.prospective_outcomes", "models.ledger.judging", "predict",
    }  # fmt: skip
    # A forecast reaches no label; `predict.py score` judges old ones and must.
    assert "models.season.labels" not in reached("predict", but_for="models.ledger.judging")


@pytest.mark.parametrize(
    ("room", "beyond"),
    [
        ("models.forecasting", ("models.season.labels", "models.verification", "models.training")),
        # It knows no coins and no features.
        ("models.verification",
         ("models.season.labels", "features", "models.tracking", "models.training")),
        # Workers touch no store of runs and draw nothing.
        ("models.sweep", ("models.tracking", "models.report", "models.cli")),
        ("models.tracking", ("models.report", "models.cli")),
    ],
)  # fmt: skip
def test_what_a_room_never_reaches(room, beyond):
    far = {*names_of(*beyond)}
    assert far
    assert not [(module, reached(module) & far) for module in names_of(room)
                if reached(module) & far]  # fmt: skip


def test_the_clock_is_read_in_the_commands_only():
    for module in {*MODULES} - READ_THE_CLOCK:
        calls = {
            node.func.attr
            for node in ast.walk(TREES[module])
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not calls & {"now", "today", "utcnow", "time", "monotonic"}, module


# --- outside tools -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "room"),
    [("mlflow", "models.tracking"), ("matplotlib", "models.report")],
)
def test_each_tool_stays_in_one_room(tool, room):
    assert importers(tool)
    assert importers(tool) <= {*names_of(room)}


def test_only_one_module_knows_dask_and_it_imports_it_late():
    cluster = "models.sweep.cluster"
    assert importers("dask") | importers("distributed") == {cluster}
    at_once = [n for n in TREES[cluster].body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert not [node for node in at_once if "distributed" in ast.unparse(node)]


def test_only_the_page_fills_templates():
    assert importers("jinja2") | importers("markupsafe") == {"models.report.page"}


def test_only_the_commands_know_the_command_line():
    knowing = importers("typer")
    assert {"train", "predict"} <= knowing
    assert knowing <= {*names_of(*KNOW_TYPER)}


# --- what is loaded when -------------------------------------------------------------------------


def test_reading_a_forecaster_reaches_no_training():
    assert not reached("models.tracking.read") & {
        "models.tracking.log", *names_of("models.training", "models.report")
    }  # fmt: skip
    # The figures of a training need it; the pictures of a forecast do not.
    assert not reached("predict") & {
        "models.tracking.log", "models.report.figures", *names_of("models.training")
    }  # fmt: skip


@pytest.mark.parametrize(("command", "script"), [("training", "train"), ("forecast", "predict")])
def test_a_command_is_imported_late_by_its_script(command, script):
    module = f"models.cli.{command}_command"
    assert importers(module) == {script}
    at_once = {node.module for node in TREES[script].body if isinstance(node, ast.ImportFrom)}
    heavy = {"models.training", "models.tracking", "models.forecasting", "models.report", module}
    assert not [name for name in at_once if any(within(name, room) for room in heavy)]


# --- what is written of it -----------------------------------------------------------------------


def test_the_table_of_tests_names_files_that_are_there():
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page[page.index("| what is proved | where |") :]
    named = re.findall(r"`(test_[a-z_*]+)`", table)
    assert len(named) > 15
    assert not [name for name in named if not list((ROOT / "tests").glob(f"{name}.py"))]
