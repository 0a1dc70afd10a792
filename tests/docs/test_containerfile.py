"""The container file read as text, since tests have no container engine: what it names and runs is there."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from gateways import config, gateway
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from upstream import Upstream

from outlay.cli import serve
from outlay.gateway.routes import ROUTES
from outlay.gateway.serving import DRAIN_S, is_loopback

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def stages():
    """Each stage as its instructions: (word, rest)."""
    text = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found: list[list[tuple[str, str]]] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        assert re.fullmatch("[A-Z]+", word), line
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def the(word, stage):
    (found,) = [rest for named, rest in stage if named == word]
    return found


BUILD, FINAL = stages()


def test_the_first_stage_builds_and_the_last_one_only_takes_what_was_built():
    assert the("FROM", BUILD).endswith(" AS build")
    assert [rest for word, rest in FINAL if word == "COPY"] == ["--from=build /opt/outlay /opt/outlay"]
    assert not any("pip" in rest for word, rest in FINAL if word == "RUN")


def test_the_python_of_both_stages_is_one_that_the_project_takes():
    images = {the("FROM", stage).removesuffix(" AS build") for stage in (BUILD, FINAL)}
    (image,) = images
    version = re.fullmatch(r"docker\.io/library/python:(\d+\.\d+)-slim-\w+", image)
    assert version is not None
    assert version[1] in SpecifierSet(PROJECT["requires-python"])


def test_what_is_copied_is_there_and_reaches_the_build():
    sources = [part for word, rest in BUILD if word == "COPY" for part in rest.split()[:-1]]
    assert {"pyproject.toml", "src"} <= set(sources)
    for name in (".containerignore", ".dockerignore"):
        admitted = (ROOT / name).read_text().splitlines()
        assert admitted[0] == "*"
        assert all((ROOT / source).exists() and f"!{source}" in admitted for source in sources)
    assert PROJECT["readme"] in sources
    assert set(PROJECT["license-files"]) <= set(sources)


def test_the_extras_that_are_installed_exist():
    (install,) = [rest for word, rest in BUILD if word == "RUN" and "pip install" in rest]
    wanted = Requirement(f"outlay{shlex.split(install)[-1].removeprefix('.')}").extras
    assert wanted <= set(PROJECT["optional-dependencies"])


def test_it_runs_as_nobody_in_particular_with_its_data_in_a_volume():
    user = the("USER", FINAL)
    (made,) = [rest for word, rest in FINAL if word == "RUN"]
    assert int(user) >= 1000
    assert f"--uid {user}" in made
    # A login shell, or a file of somebody's home in the volume, is nothing that a server needs.
    assert "--shell /usr/sbin/nologin" in made
    assert "--skel /dev/null" in made
    environment = dict(rest.split("=", 1) for word, rest in FINAL if word == "ENV")
    assert environment["OUTLAY_HOME"] == the("VOLUME", FINAL) == "/data"
    assert f"--home-dir {the('VOLUME', FINAL)}" in made
    assert environment["PATH"].startswith("/opt/outlay/bin:")
    # Nothing secret is ever baked into an image.
    assert not any("KEY" in name or "TOKEN" in name for name in environment)


def test_the_command_exists_with_its_options_and_listens_where_the_port_is():
    assert json.loads(the("ENTRYPOINT", FINAL)) == ["outlay"]
    assert PROJECT["scripts"]["outlay"] == "outlay.cli:main"
    command, *options = json.loads(the("CMD", FINAL))
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert command == serve.__name__.rpartition(".")[2]
    assert {name.removeprefix("--") for name in given} <= set(serve.serve.__kwdefaults__ or {})
    assert given["--port"] == the("EXPOSE", FINAL)
    assert not is_loopback(given["--host"])


def test_the_health_check_asks_an_address_of_the_server_and_needs_nothing_but_python():
    check = the("HEALTHCHECK", FINAL)
    python, flag, code = json.loads(check.partition("CMD ")[2])
    assert (python, flag) == ("python", "-c")
    url = urlsplit(
        next(
            n.value for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Constant) and n.value[:4] == "http"
        )
    )
    assert url.path in {route.path for route in ROUTES}
    assert (url.hostname, str(url.port)) == ("127.0.0.1", the("EXPOSE", FINAL))


async def test_the_health_checks_address_needs_no_key():
    from quotas import key

    async with Upstream() as up, gateway(config(up)) as gate:
        await key(gate.state.accounts)
        assert (await gate.get("/v1/models"))[0] == 401
        await_ready = await gate.get("/ready")
    assert await_ready[0] == 200


def test_the_page_says_how_long_stopping_may_take():
    page = (ROOT / "docs" / "gateway.md").read_text()
    told = re.search(r"--stop-timeout[ =](\d+)", page)
    assert told is not None
    assert int(told[1]) > DRAIN_S


@pytest.mark.parametrize("word", ["ADD", "SHELL", "ONBUILD"])
def test_no_instruction_that_hides_what_happens(word):
    assert not [rest for stage in (BUILD, FINAL) for named, rest in stage if named == word]
