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
ONLY_IN_SOURCES = {
    "requests", "yfinance", "curl_cffi", "urllib", "pyarrow", "pathlib", "json", "http", "io",
}  # fmt: skip
DISK_ROOMS = ("features.sources", "features.reference")


def imports(module: str) -> set[str]:
    """Names of all modules that a module imports when it runs, anywhere in it."""
    found: set[str] = set()
    tree = ast.parse(MODULES[module].read_text())
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


def names_of(room: str) -> list[str]:
    return [name for name in MODULES if name == room or name.startswith(f"{room}.")]


def importers(package: str) -> set[str]:
    return {
        module
        for module in MODULES
        if any(name == package or name.startswith(f"{package}.") for name in imports(module))
    }


def test_the_rules_see_the_modules():
    assert {"features.panel", "models.onset", "models.verification.scores", "train"} <= set(MODULES)
    assert "features.panel" in reached("train")


@pytest.mark.parametrize("module", names_of("features"))
def test_features_never_import_models_or_mlflow(module):
    assert not {name for name in imports(module) if name.split(".")[0] in ("models", "mlflow")}


@pytest.mark.parametrize("module", names_of("features"))
def test_features_touch_disk_and_network_only_in_the_sources(module):
    if not module.startswith(DISK_ROOMS):
        assert not {name for name in imports(module) if name.split(".")[0] in ONLY_IN_SOURCES}


# The second is a command beside a source: it may not import the first.
READ_THE_CLOCK = {"models.cli.options", "features.sources.etf_flows"}


@pytest.mark.parametrize("module", sorted({*MODULES} - READ_THE_CLOCK))
def test_the_clock_is_read_in_the_commands_only(module):
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & {"now", "today", "utcnow", "time", "monotonic"}


def test_only_tracking_knows_mlflow():
    knowing = importers("mlflow")
    assert knowing
    assert all(module.startswith("models.tracking.") for module in knowing)


def test_reading_a_forecaster_reaches_no_training_and_no_drawing():
    near = reached("models.tracking.reading")
    assert not near & {"models.training.run", "models.training.events", "models.tracking.runs"}
    assert not {module for module in near if module.startswith("models.report")}
    assert "models.tracking.runs" not in reached("predict")


@pytest.mark.parametrize("client", ["yfinance", "curl_cffi"])
def test_only_one_module_asks_yahoo_and_imports_its_client_late(client):
    assert importers(client) == {"features.sources.yahoo.client"}
    tree = ast.parse(MODULES["features.sources.yahoo.client"].read_text())
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert at_once
    assert not [node for node in at_once if client in ast.unparse(node)]


def test_only_report_draws():
    drawing = importers("matplotlib")
    assert drawing
    assert all(module.startswith("models.report.") for module in drawing)


def test_only_the_page_fills_templates():
    assert importers("jinja2") | importers("markupsafe") == {"models.report.page"}


def test_only_training_reaches_the_labels():
    assert importers("models.onset") == {
        "models.training.run", "models.training.claims", "models.training.controls", "models.ledger.track_record",
        "train",
    }  # fmt: skip
    # A forecast reaches no label; `predict.py score` judges old ones and must.
    assert "models.onset" not in reached("predict", but_for="models.ledger.track_record")
    assert importers("models.ledger.track_record") == {"predict"}


@pytest.mark.parametrize("module", names_of("models.verification"))
def test_verification_knows_no_coins_and_no_features(module):
    assert not {name for name in imports(module) if name.split(".")[0] == "features"}
    assert not reached(module) & {"models.onset", "models.tracking", "models.training.run"}


def test_a_training_from_the_command_line_is_imported_late_and_by_its_script_only():
    assert importers("models.cli.training_command") == {"train"}
    tree = ast.parse(MODULES["train"].read_text())
    at_once = {ast.unparse(node) for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not [line for line in at_once if "models.training.run" in line or "tracking" in line]


def test_nobody_imports_the_scripts():
    assert not importers("train") | importers("predict")
