"""Settings of a worker, from the environment, where only this package is installed.

The variables are the service's. Those of the service that no worker needs are ignored.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from asr.limits import BATCH_SIZE, BEAM_SIZE, HYPOTHESES, LANES, THREADS, Bounds
from asr.settings import AsrSettings

_PREFIX = "EARSHOT_ASR_"
_SERVER_ONLY = ("QUEUE", "DEADLINE_S")


def _whole(bounds: Bounds) -> Any:
    return Annotated[int, Field(ge=bounds.least, le=bounds.most)]


_KINDS: Mapping[str, tuple[str, Any]] = {
    "MODEL": ("model", Annotated[str, Field(min_length=1)]),
    "DEVICE": ("device", Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d{1,2})?)$")]),
    "COMPUTE_TYPE": ("compute_type", str),
    "THREADS": ("threads", _whole(THREADS)),
    "BEAM_SIZE": ("beam_size", _whole(BEAM_SIZE)),
    "HYPOTHESES": ("hypotheses", _whole(HYPOTHESES)),
    "BATCH_SIZE": ("batch_size", _whole(BATCH_SIZE)),
    "LANES": ("lanes", _whole(LANES)),
    "CACHE_DIR": ("cache_dir", Path),
}


class EnvironmentInvalid(ValueError):
    """A variable is wrong. The text names it and the fault."""


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    for name in sorted(environment):
        own = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and own not in {*_KINDS, *_SERVER_ONLY}:
            near = difflib.get_close_matches(own, _KINDS, 1)
            hint = f"; did you mean {_PREFIX}{near[0]}?" if near else ""
            raise EnvironmentInvalid(f"{name}: no such setting{hint}")


def from_environment(environment: Mapping[str, str]) -> AsrSettings:
    """Return the settings.

    Raises:
        EnvironmentInvalid: A value is not allowed, or no variable has this name.
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
