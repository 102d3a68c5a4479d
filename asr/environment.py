"""A worker's settings where only this package is installed: the service's variables, as it reads
them. Variables of the service that are nothing to a worker are left alone."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from asr.settings import AsrSettings

_PREFIX = "EARSHOT_ASR_"
_OF_THE_SERVER = ("QUEUE", "DEADLINE_S")

Whole = Annotated[int, Field(ge=0, le=256)]
_KINDS: Mapping[str, tuple[str, Any]] = {
    "MODEL": ("model", Annotated[str, Field(min_length=1)]),
    "DEVICE": ("device", Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d{1,2})?)$")]),
    "COMPUTE_TYPE": ("compute_type", str),
    "THREADS": ("threads", Whole),
    "BEAM_SIZE": ("beam_size", Annotated[int, Field(ge=1, le=10)]),
    "HYPOTHESES": ("hypotheses", Annotated[int, Field(ge=0, le=9)]),
    "BATCH_SIZE": ("batch_size", Annotated[int, Field(ge=0, le=64)]),
    "LANES": ("lanes", Annotated[int, Field(ge=0, le=16)]),
    "CACHE_DIR": ("cache_dir", Path),
}


class EnvironmentInvalid(ValueError):
    """It names the variable and what is wrong with it."""


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    for name in sorted(environment):
        own = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and own not in {*_KINDS, *_OF_THE_SERVER}:
            near = difflib.get_close_matches(own, _KINDS, 1)
            hint = f"; did you mean {_PREFIX}{near[0]}?" if near else ""
            raise EnvironmentInvalid(f"{name}: no such setting{hint}")


def from_environment(environment: Mapping[str, str]) -> AsrSettings:
    """
    Raises:
        EnvironmentInvalid: a variable's value is none that it may have, or there is none of the
            name.
    """
    _refuse_unknown(environment)
    found: dict[str, Any] = {}
    for own, (name, kind) in _KINDS.items():
        value = environment.get(_PREFIX + own)
        if value is None:
            continue
        try:
            found[name] = TypeAdapter[Any](kind).validate_python(value)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            raise EnvironmentInvalid(f"{_PREFIX}{own}: {problem}") from None
    settings = AsrSettings(**found)
    if settings.hypotheses >= settings.beam_size:
        raise EnvironmentInvalid(
            f"{_PREFIX}HYPOTHESES: {settings.hypotheses} further readings need a wider beam than "
            f"{settings.beam_size}"
        )
    return settings
