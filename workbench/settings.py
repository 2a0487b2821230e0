"""Settings from TOML: strict, so that a typo is an error with a suggestion and never a silent default.

A setting comes from the flag, else the environment, else the project file, else its default. Secrets come from the
environment alone: a key that looks like one is refused in a file, because files are shared and committed.

    class Budget(Settings):
        max_calls: int = 1200

    budget = load_toml(Path("task.toml"), Budget, overrides=["max_calls=300"])
"""

from __future__ import annotations

import copy
import difflib
import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from workbench.errors import UsageError

M = TypeVar("M", bound="Settings")

_SECRET = re.compile(
    r"(?:^|[_-])(?:api[_-]?key|access[_-]?key|private[_-]?key|secrets?|token|passw(?:or)?d|credentials?)(?:$|[_-])",
    re.IGNORECASE,
)


class Settings(BaseModel):
    """Base of every model read from TOML: unknown keys and wrong types are errors, values do not change later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def load_toml(path: Path, model: type[M], *, overrides: Sequence[str] = (), names: Collection[str] = ()) -> M:
    """Read a TOML file into a settings model.

    Args:
        path: The file.
        model: What it must hold.
        overrides: `key=value` pairs that win over the file.
        names: tables whose keys are names that the user gives, and no settings: "password-reset" is no secret there.

    Raises:
        UsageError: the file is missing or is not TOML, or it holds an unknown key, a wrong value or a secret.
    """
    data = apply_overrides(_read(path), overrides)
    for key in _keys({table: value for table, value in data.items() if table not in names}):
        if _SECRET.search(key.rpartition(".")[2]):
            raise UsageError(f"{path}: {key!r} looks like a secret; remove it and set it in the environment instead")
    try:
        # Strict JSON mode takes what TOML cannot tell apart (text for a path, an array for a tuple) and nothing more.
        return model.model_validate_json(json.dumps(data, default=str))
    except ValidationError as exc:
        problems = "; ".join(_explain(error, model) for error in exc.errors(include_url=False))
        raise UsageError(f"{path}: {problems}") from exc


def apply_overrides(data: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return the settings with `key=value` pairs laid over them; dots go into tables, values are TOML or plain text.

    Raises:
        UsageError: a pair has no `=`, or its key leads through something that is not a table.
    """
    result = copy.deepcopy(dict(data))
    for pair in overrides:
        key, equals, value = pair.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or not all(parts):
            raise UsageError(f"--set {pair!r} is not a setting; write --set key=value, as in --set budget.max_calls=9")
        table = result
        for part in parts[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise UsageError(f"--set {pair!r}: {part!r} is a value, not a table; set {part!r} itself")
        table[parts[-1]] = _parse_value(value.strip())
    return result


def suggest(name: str, known: Sequence[str]) -> str:
    """Return what to say after an unknown name: the nearest known one, else all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(sorted(known)) or 'none'}"


def _read(path: Path) -> dict[str, Any]:
    """Parse the file, or say why it cannot be."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise UsageError(f"{path}: cannot be read ({exc.strerror}); check the path") from exc
    except ValueError as exc:
        raise UsageError(f"{path}: not valid TOML: {exc}; correct it there") from exc


def _parse_value(text: str) -> Any:
    """Read one value as TOML; what is not TOML is text, so that words need no quotes on the command line."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def _keys(value: Any, prefix: str = "") -> Iterator[str]:
    """Yield every key with its path, those inside arrays of tables included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{prefix}{key}"
            yield from _keys(inner, f"{prefix}{key}.")
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, prefix)


def _explain(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Turn one validation error into: key, value, what was expected."""
    key = ".".join(str(part) for part in error["loc"]) or "settings"
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        return f"unknown key {key!r}" + (f"; {suggest(str(error['loc'][-1]), known)}" if known else "")
    if error["type"] == "missing":
        return f"key {key!r} is missing; add it"
    expected = error["msg"].removeprefix("Value error, ")
    return f"{key} = {_shorten(error['input'])}: {_lower(expected.replace('Input should', 'should'))}"


def _fields_at(model: type[BaseModel] | None, loc: Sequence[int | str]) -> list[str]:
    """Names of the fields of the model that a location leads to; empty when it leads elsewhere."""
    for part in loc:
        if model is not None and isinstance(part, str):
            field = model.model_fields.get(part)
            model = None if field is None else _model_in(field.annotation)
    return [] if model is None else list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation such as `list[Model]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)


def _shorten(value: Any) -> str:
    """Show a value on one line of reasonable length."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _lower(text: str) -> str:
    """Begin a message as the middle of a sentence."""
    return text[:1].lower() + text[1:]
