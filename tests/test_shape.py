"""The shape of the code: sizes, layers, light start, silence, safety. Exceptions stand in tables here, with reasons."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

TOOLS = ("apo", "reer", "synth", "lal", "judge")
LAYERS = {
    "workbench": {"workbench"},
    "prompts": {"prompts"},
    "lm": {"lm", "workbench"},
    **{tool: {tool, "lm", "prompts", "workbench"} for tool in TOOLS},
    "cli": {"cli", *TOOLS, "lm", "workbench"},
}
"""What each part may import of ours; tools never import each other."""

LIBRARY_FOLDERS = ("workbench", "prompts", "lm", *TOOLS)
OTHER_CODE = ("benchmarks", "docs", "examples", "tests")

MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 400, 60, 6


class Exemption(NamedTuple):
    pattern: str
    """Path below the root, with wildcards."""
    rule: str
    reason: str


EXEMPTIONS = (
    Exemption("*commands.py", "parameters", "a flag of a verb is a parameter"),
    Exemption("tests/*", "parameters", "pytest passes fixtures and table columns as parameters"),
    Exemption("workbench/console.py", "streams", "the one place that writes to streams"),
    Exemption("apo/dspy_*.py", "heavy imports", "DSPy's side of a prompt file, imported only by those who use DSPy"),
    Exemption("*commands.py", "clock", "the edge, where the real clock is handed in"),
    Exemption("lm/openai_form.py", "clock", "a server's Retry-After may be a date, which is relative to now"),
    Exemption("lm/road.py", "chance", "the pause before a retry is spread by chance, and decides no result"),
)

HEAVY = {
    "accelerate",
    "aiohttp",
    "dspy",
    "gguf",
    "gliner",
    "label_studio_sdk",
    "litellm",
    "ray",
    "scipy",
    "sentence_transformers",
    "tokenizers",
    "torch",
    "transformers",
    "xllamacpp",
}
"""Import these inside the functions that use them."""

NOT_FOR_HELP = HEAVY | {"numpy"}
"""`--help` loads none of these."""

UNSAFE_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "unittest.mock", "mock"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
UNSAFE_CALLS |= {"yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load"}
STREAMS = {"sys.stdout", "sys.stderr", "print", "typer.echo", "typer.secho", "rich.print", "Console"}
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
SEEDED = {"random.Random", "np.random.default_rng", "numpy.random.default_rng"}
TYPES = {"random.Random", *(f"{numpy}.random.{t}" for numpy in ("np", "numpy") for t in ("Generator", "SeedSequence"))}


def python_files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if "__pycache__" not in path.parts]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def is_exempt(path: Path, rule: str) -> bool:
    return any(e.rule == rule and fnmatch(name_of(path), e.pattern) for e in EXEMPTIONS)


LIBRARY = [ROOT / "cli.py", *python_files(*LIBRARY_FOLDERS)]
ALL_CODE = [*LIBRARY, *python_files(*OTHER_CODE)]

each_library_file = pytest.mark.parametrize("path", LIBRARY, ids=name_of)
each_file = pytest.mark.parametrize("path", ALL_CODE, ids=name_of)


def imported(node: ast.AST) -> list[str]:
    """Full names of the modules that one statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def imports_anywhere(tree: ast.AST) -> set[str]:
    return {name for node in ast.walk(tree) for name in imported(node)}


def imports_when_loaded(node: ast.AST) -> Iterator[str]:
    """Names imported by loading the module: all but those in functions and under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield from imported(child)
        yield from imports_when_loaded(child)


def dotted(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name and dotted name that is read, with its line: `sys`, `sys.stdout`, `sys.stdout.write`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield ast.unparse(node), node.lineno


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and line of every call by a plain or dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func), node.lineno


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def count_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    bound = bool(named) and named[0].arg in ("self", "cls")
    return len(named) - bound + (given.vararg is not None) + (given.kwarg is not None)


@each_file
def test_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


@each_file
def test_functions_are_short(path: Path) -> None:
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(parse(path)) if f.end_lineno}
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION_LINES} == {}


@each_file
def test_functions_take_few_parameters(path: Path) -> None:
    wide = {f.name: count_parameters(f) for f in functions(parse(path))}
    if not is_exempt(path, "parameters"):
        assert {name: count for name, count in wide.items() if count > MAX_PARAMETERS} == {}


@each_library_file
def test_imports_point_down(path: Path) -> None:
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    ours = {name.partition(".")[0] for name in imports_anywhere(parse(path))} & {*LAYERS, *OTHER_CODE}
    assert ours - LAYERS[part] == set()


@each_file
def test_imports_are_absolute(path: Path) -> None:
    relative = [node.lineno for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom) and node.level]
    assert relative == []


@each_library_file
def test_heavy_imports_wait_for_their_use(path: Path) -> None:
    if not is_exempt(path, "heavy imports"):
        assert {name.partition(".")[0] for name in imports_when_loaded(parse(path))} & HEAVY == set()


@each_library_file
def test_library_leaves_streams_alone(path: Path) -> None:
    if not is_exempt(path, "streams"):
        assert [(name, line) for name, line in dotted(parse(path)) if name in STREAMS] == []


@each_file
def test_nothing_unsafe_is_used(path: Path) -> None:
    tree = parse(path)
    assert imports_anywhere(tree) & UNSAFE_IMPORTS == set()
    assert [(name, line) for name, line in calls(tree) if name in UNSAFE_CALLS] == []


@each_library_file
def test_chance_comes_from_a_seed(path: Path) -> None:
    shared = re.compile(r"(random|(np|numpy)\.random)\.\w+")
    drawn = [(n, line) for n, line in dotted(parse(path)) if shared.fullmatch(n) and n not in SEEDED | TYPES]
    unseeded = [
        ast.unparse(node)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in SEEDED and not node.args and not node.keywords
    ]
    if not is_exempt(path, "chance"):
        assert drawn + unseeded == []


@each_library_file
def test_the_clock_is_handed_in(path: Path) -> None:
    if not is_exempt(path, "clock"):
        assert [(name, line) for name, line in calls(parse(path)) if name in CLOCKS] == []


def test_every_exemption_meets_a_file() -> None:
    unused = [e for e in EXEMPTIONS if not any(fnmatch(name_of(path), e.pattern) for path in ALL_CODE)]
    assert unused == []


@pytest.mark.parametrize("script", sorted(PROJECT["project"]["scripts"]))
def test_help_starts_light(script: str) -> None:
    module, _, function = PROJECT["project"]["scripts"][script].partition(":")
    program = (
        f"import atexit, json, sys\nsys.argv = [{script!r}, '--help']\n"
        "atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))\n"
        f"import {module}\n{module}.{function}()"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "Usage" in shown.stdout
    assert set(json.loads(shown.stderr)) & NOT_FOR_HELP == set()


def test_every_package_is_listed_and_every_listed_one_exists() -> None:
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    folders = {path.parent.relative_to(ROOT) for path in python_files(*LIBRARY_FOLDERS)}
    assert listed == {".".join(folder.parts) for folder in folders}
    assert all((ROOT / Path(*package.split("."))).is_dir() for package in listed)


def test_every_module_at_the_top_is_listed() -> None:
    assert {path.stem for path in ROOT.glob("*.py")} == set(PROJECT["tool"]["setuptools"]["py-modules"])


def test_every_folder_with_code_is_known_here() -> None:
    hidden_or_built = re.compile(r"\.|build$|dist$|runs$|.*\.egg-info$")
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not hidden_or_built.match(path.name)}
    assert {name for name in folders if python_files(name)} <= {*LIBRARY_FOLDERS, *OTHER_CODE}


DISTRIBUTIONS = {
    "git": "gitpython",
    "yaml": "pyyaml",
    "pydantic_core": "pydantic",
    "label_studio_sdk": "label-studio-sdk",
}
"""Distributions that are named otherwise than what one imports."""


def test_every_import_is_declared() -> None:
    project = PROJECT["project"]
    required = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    declared = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in required}
    used = {name.partition(".")[0] for path in LIBRARY for name in imports_anywhere(parse(path))}
    foreign = used - set(LAYERS) - sys.stdlib_module_names
    assert {name for name in foreign if DISTRIBUTIONS.get(name, name).lower() not in declared} == set()


TEXT = {".py", ".md", ".toml", ".txt", ".json", ".jsonl", ".yml", ".yaml", ".sh", ".html", ".svg", ".cfg", ""}
LOCAL = re.compile(r"(?<![\w.:/*{}~-])/(?:home|Users|root|work|tmp|mnt|scratch)/\w")


def text_files() -> list[Path]:
    """Files that belong to the project; hidden folders but `.ci`, and what is built or run, do not."""
    skipped = re.compile(r"\.(?!ci$|gitignore$)|(?:build|dist|runs|__pycache__)$|.*\.egg-info$")
    kept = [path for path in ROOT.iterdir() if not skipped.match(path.name)]
    inside = [path for top in kept for path in (sorted(top.rglob("*")) if top.is_dir() else [top])]
    return [path for path in inside if path.is_file() and path.suffix in TEXT and "__pycache__" not in path.parts]


def test_no_text_names_a_place_on_someones_machine() -> None:
    found = [
        f"{name_of(path)}:{number}"
        for path in text_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if LOCAL.search(line)
    ]
    assert found == []
