"""With --json an error is JSON on stdout too, beside its line on stderr, with the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import predict
import train
from features.panel import DataError, SourceUnavailable
from tests.commands import run_command

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "error.schema.json").read_text())
GONE = "sqlite:////gone/mlflow.db"


def failing(error: Exception):
    def load(*arguments: object, **options: object) -> None:
        raise error

    return load


USAGE = [
    (predict, "--json --csv", "exclude each other"),
    (predict, "--json --nosuch", "No such option: --nosuch"),
    (predict, "--as-of yesterday --json", "yesterday"),
    (predict, "nosuch --json", "No such command"),
    (predict, "--json --history 2024-01-01 2024-02-01 --record", "exclude each other"),
    (predict, "score --json --source files", "--data-dir"),
    (predict, "health --json --as-of", "--as-of"),
    (train, "versions --json --deadline 0", "--deadline"),
    (train, "nosuch --json", "No such command"),
]
LOADING = [
    (DataError("too short."), "data", 3, "too short."),
    (SourceUnavailable("no network."), "source", 1, "no network."),
    (RuntimeError("odd"), "unexpected", 1, "unexpected RuntimeError: odd; --debug shows"),
]


def checked(result, kind: str, exit_code: int, part: str) -> None:
    answer = json.loads(result.stdout)
    Draft202012Validator(SCHEMA).validate(answer)
    assert (answer["kind"], answer["exit_code"], result.exit_code) == (kind, exit_code, exit_code)
    assert part in answer["error"]


@pytest.mark.parametrize(("script", "arguments", "part"), USAGE)
def test_usage(script, arguments, part):
    result = run_command(script.app, *arguments.split())
    checked(result, "usage", 2, part)
    assert "Error" in result.stderr  # for a person, as without --json


@pytest.mark.parametrize(("error", "kind", "code", "part"), LOADING)
@pytest.mark.parametrize("command", ["", "score", "health"])
def test_data(monkeypatch, tmp_path, command, error, kind, code, part):
    ledger = tmp_path / "forecasts.jsonl"
    ledger.write_text("")
    monkeypatch.setattr(predict, "load_market", failing(error))
    options = ["--ledger", str(ledger)] if command == "score" else []
    result = run_command(predict.app, *command.split(), "--json", *options)
    checked(result, kind, code, part)
    assert f"error: {json.loads(result.stdout)['error']}\n" in result.stderr


def test_ledger_and_store(tmp_path):
    gone = str(tmp_path / "gone.jsonl")
    checked(run_command(predict.app, "score", "--json", "--ledger", gone), "ledger", 3, gone)
    versions = run_command(train.app, "versions", "--json", "--tracking-uri", GONE)
    checked(versions, "store", 1, "/gone/mlflow.db")


def test_without_json_stdout_stays_empty():
    assert run_command(predict.app, "--nosuch").stdout == ""
    assert run_command(train.app, "versions", "--tracking-uri", GONE).stdout == ""


def test_a_refusal_beside_an_answer_is_no_second_document():
    result = run_command(predict.app, "health", "--json", "--as-of", "2030-01-01")
    answer = json.loads(result.stdout)
    assert (answer["schema"], result.exit_code) == ("altseason.health/1", 3)
    assert answer["refusal_code"] == "day_not_usable"
    assert f"error: {answer['refusal']}\n" in result.stderr
