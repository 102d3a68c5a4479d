"""Script of a simulated room: its speakers, their lines, and the alerts these must raise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import yaml
from pydantic import (
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from service.simulation.failed import SimulationFailed

DEMO_SCRIPT = Path(__file__).parent / "clips" / "demo.yaml"

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
_Name = Annotated[str, Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class Line:
    """One clip played once.

    Attributes:
        at_s: Seconds from the start of the script to the start of the clip.
        clip: Audio file. A script file names it relative to itself.
        text: Words of the clip.
        alerts: True where it must raise an alert. Every other alert is false.
        rule: Id of the rule that must match; empty: any.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    at_s: Annotated[float, Field(ge=0, le=86_400)]
    clip: Path
    text: _Name
    alerts: bool = False
    rule: str = ""

    @field_validator("rule")
    @classmethod
    def _only_alerts_name_a_rule(cls, rule: str, info: ValidationInfo) -> str:
        if rule and not info.data.get("alerts"):
            raise ValueError("a line that names a rule needs alerts: true")
        return rule


@dataclass(frozen=True, slots=True)
class ScriptedSpeaker:
    """A speaker in the room.

    Attributes:
        lines: Lines in the order of their times.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    name: _Name
    lines: Annotated[tuple[Line, ...], Field(min_length=1)]
    role: str = "speaker"

    @field_validator("lines")
    @classmethod
    def _in_order(cls, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        for before, after in zip(lines, lines[1:], strict=False):
            if after.at_s <= before.at_s:
                raise ValueError(
                    f"the line at {after.at_s} s follows one at {before.at_s} s; order them by at_s"
                )
        return lines


@dataclass(frozen=True, slots=True)
class Script:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    title: _Name
    speakers: Annotated[tuple[ScriptedSpeaker, ...], Field(min_length=1)]

    @field_validator("speakers")
    @classmethod
    def _distinct(cls, speakers: tuple[ScriptedSpeaker, ...]) -> tuple[ScriptedSpeaker, ...]:
        ids = [speaker.id for speaker in speakers]
        for speaker_id in ids:
            if ids.count(speaker_id) > 1:
                raise ValueError(f"the id {speaker_id!r} is used twice; give each speaker its own")
        return speakers

    @property
    def lines(self) -> Sequence[tuple[ScriptedSpeaker, Line]]:
        """Every line with its speaker, in the order of their times."""
        lines = [(speaker, line) for speaker in self.speakers for line in speaker.lines]
        return sorted(lines, key=lambda pair: pair[1].at_s)


def load_script(path: Path) -> Script:
    """Read a script from YAML or JSON.

    Raises:
        SimulationFailed: The script has mistakes; the text names each with its place.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SimulationFailed(
            f"the script {path} cannot be read ({error.strerror}); give the path of a YAML or "
            "JSON file"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        where = f"{path}:{place.line + 1}" if place is not None else str(path)
        raise SimulationFailed(
            f"{where}: this is not YAML or JSON; compare it with {DEMO_SCRIPT}"
        ) from error
    try:
        script = TypeAdapter(Script).validate_python(raw)
    except ValidationError as error:
        raise SimulationFailed(f"{path} is not a usable script: {_mistakes(error)}") from error
    return _with_clips(script, path.parent)


def _mistakes(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, mistake['loc'])) or 'the whole file'}: "
        f"{mistake['msg'].removeprefix('Value error, ')}"
        for mistake in error.errors()
    )


def _with_clips(script: Script, folder: Path) -> Script:
    def resolve_clip(line: Line) -> Line:
        return dataclasses.replace(line, clip=folder / line.clip)

    speakers = tuple(
        dataclasses.replace(speaker, lines=tuple(map(resolve_clip, speaker.lines)))
        for speaker in script.speakers
    )
    missing = [
        str(line.clip) for speaker in speakers for line in speaker.lines if not line.clip.is_file()
    ]
    if missing:
        raise SimulationFailed(
            f"the script in {folder} plays clips that are not there: {', '.join(missing)}; "
            "correct their names"
        )
    return dataclasses.replace(script, speakers=speakers)
