"""The one-way rules between the rooms, read from the syntax trees."""

from __future__ import annotations

import ast
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
    "features.sources.yahoo", "features.sources.published", "features.sources.coinmarketcap",
    "features.sources.automatic", "features.reference.makers", "features.reference.make",
    "models.workers", "models.errors", "models.formatting",
    "models.vocabulary", "models.stored", "models.answers", "models.season",
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


def imports(module: str) -> set[str]:
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
    return found


def reached(module: str, but_for: str = "") -> set[str]:
    """Modules of this project that a module imports, directly or through others but one."""
    seen: set[str] = set()
    open_modules = [module]
    while open_modules:
        for name in imports(open_modules.pop()) & set(MODULES):
            if name not in seen and name != but_for:
                seen.add(name)
                open_modules.append(name)
    return seen


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


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_a_room_above_its_own(module):
    floor = floor_of(module)
    if floor is None:  # the rooms of rooms hold a docstring only
        assert module in {"features", "features.sources", "models"}
        return
    above = {name for name in imports(module) & set(MODULES) if (floor_of(name) or 0) > floor}
    assert not above


@pytest.mark.parametrize("module", [m for m in MODULES if MODULES[m].name == "__init__.py"])
def test_a_room_only_says_what_it_promises(module):
    (promise,) = TREES[module].body
    assert ast.get_docstring(TREES[module])
    assert isinstance(promise, ast.Expr)


@pytest.mark.parametrize("module", MODULES)
def test_no_name_is_resolved_at_run_time(module):
    """What resolves names behind the syntax tree would make every other rule here blind."""
    assert not [
        name
        for name in imports(module)
        if within(name, "runpy") or (within(name, "importlib") and name.split(".")[1:] not in
                                     ([], ["metadata"]))
    ]  # fmt: skip
    assert not [
        node for node in TREES[module].body
        if isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__dir__")
    ]  # fmt: skip
    named = {node.id for node in ast.walk(TREES[module]) if isinstance(node, ast.Name)}
    assert not named & {"__import__", "importlib", "eval", "exec"}


def test_scripts_and_commands_are_imported_by_nobody():
    assert not importers("train") | importers("predict")
    command = "features.sources.etf_flows.command"
    assert importers(command) == {"features.sources.etf_flows.__main__"}


# --- features ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", names_of("features"))
def test_features_never_import_models_or_mlflow(module):
    assert not {name for name in imports(module) if name.split(".")[0] in ("models", "mlflow")}


@pytest.mark.parametrize(
    "module", sorted({*names_of("features")} - {*names_of(*DISK_ROOMS), *PROCESSES})
)
def test_features_leave_disk_and_network_to_the_sources(module):
    assert not {name for name in imports(module) if name.split(".")[0] in DISK_AND_NETWORK}
    assert not reached(module) & {*names_of(*DISK_ROOMS)}


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


@pytest.mark.parametrize("module", names_of("models.forecasting"))
def test_forecasting_reaches_no_label_and_no_verification(module):
    assert not reached(module) & {
        "models.season.labels", *names_of("models.verification", "models.training")
    }  # fmt: skip


@pytest.mark.parametrize("module", names_of("models.verification"))
def test_verification_knows_no_coins_and_no_features(module):
    assert not reached(module) & {
        "models.season.labels", *names_of("features", "models.tracking", "models.training")
    }  # fmt: skip


@pytest.mark.parametrize("module", sorted({*MODULES} - READ_THE_CLOCK))
def test_the_clock_is_read_in_the_commands_only(module):
    calls = {
        node.func.attr
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & {"now", "today", "utcnow", "time", "monotonic"}


# --- outside tools -------------------------------------------------------------------------------


def test_only_tracking_knows_mlflow_and_no_report():
    knowing = importers("mlflow")
    assert knowing
    assert knowing <= {*names_of("models.tracking")}
    for module in names_of("models.tracking"):
        assert not reached(module) & {*names_of("models.report", "models.cli")}, module


def test_only_report_draws():
    drawing = importers("matplotlib")
    assert drawing
    assert drawing <= {*names_of("models.report")}


def test_only_one_module_knows_dask_and_it_imports_it_late():
    cluster = "models.sweep.cluster"
    assert importers("dask") | importers("distributed") == {cluster}
    at_once = [n for n in TREES[cluster].body if isinstance(n, ast.Import | ast.ImportFrom)]
    assert not [node for node in at_once if "distributed" in ast.unparse(node)]


@pytest.mark.parametrize("module", names_of("models.sweep"))
def test_workers_touch_no_store_of_runs_and_draw_nothing(module):
    assert not reached(module) & {*names_of("models.tracking", "models.report", "models.cli")}


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
