"""Description of a room to listen to, as a room server sends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from policies.pack import Pack
from service.access.keys import PLAIN
from service.errors import Problem
from service.rooms.janus.identity import SPEAKER_ID_PATTERN
from service.rooms.room_change import RoomChange

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}$"
"""Ids that room servers may use here: safe in a path, a log and a file name."""

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
RoomNumber = (
    Annotated[int, Field(strict=True, ge=1, le=2**53 - 1)]
    | Annotated[str, Field(strict=True, min_length=1, max_length=200, pattern=PLAIN)]
)
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]


class _Connector(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: str

    def shown(self) -> dict[str, Any]:
        """Return the fields that everybody who may see the room may see."""
        return self.model_dump(mode="json", exclude_unset=True, exclude=set(self.secrets()))

    def places(self) -> Sequence[str]:
        """Return the rooms that a room server's hook would name, as `SERVER:ROOM`.

        A key's scope must have them too: else a key for `a-*` could hear another's room as `a-1`.
        """
        return ()

    def secrets(self) -> dict[str, str]:
        """Return the secret fields that are set."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {
            name: value.get_secret_value() for name, value in fields if isinstance(value, SecretStr)
        }


class ByWhip(_Connector):
    """A room into which speakers publish by WHIP."""

    kind: Literal["whip"]


class OnJanus(_Connector):
    """A Janus VideoRoom that is joined as a listener."""

    kind: Literal["janus"]
    room: RoomNumber = Field(description="Id of the VideoRoom: a number, or a text.")
    server: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9-]{0,31})?$",
        description="Name of one of the servers in EARSHOT_JANUS; empty: the first.",
    )
    pin: SecretStr | None = Field(None, max_length=200, description="Lets us in.")
    secret: SecretStr | None = Field(None, max_length=200, description="Lets us moderate.")
    speaker_id: str | None = Field(
        None,
        pattern=SPEAKER_ID_PATTERN,
        description="Where a publisher's stable id is: `feed`, `display`, `display.FIELD` (the "
        "display name is a JSON object) or `metadata.FIELD`.",
    )
    text_room: RoomNumber | None = Field(
        None, description="A TextRoom in which members are told things."
    )
    text_room_secret: SecretStr | None = Field(None, max_length=200)

    def places(self) -> Sequence[str]:
        used = [self.room] if self.text_room is None else [self.room, self.text_room]
        return [f"{self.server}:{each}" for each in dict.fromkeys(used)]


Title = Annotated[str, StringConstraints(max_length=200, pattern=PLAIN)]
Languages = Annotated[
    list[Language],
    Field(max_length=20, description="ISO 639-1 codes; empty: the model decides."),
]
Policies = Annotated[list[Id], Field(max_length=100, description="Names of packs; empty: all.")]
Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=PLAIN)
]
Tags = Annotated[
    list[Tag],
    AfterValidator(lambda tags: list(dict.fromkeys(tags))),
    Field(max_length=20, description="The room server's own labels; repeated ones count once."),
]


class NewRoom(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Id
    title: Title = ""
    connector: ByWhip | OnJanus = Field(discriminator="kind")
    languages: Languages = []
    policies: Policies = []
    tags: Tags = []


class RoomUpdate(BaseModel):
    """Fields of a room that may change while it is listened to. At least one must be given."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    title: Title = ""
    languages: Languages = []
    policies: Policies = []
    tags: Tags = []
    listening: bool = Field(
        True, strict=True, description="False pauses listening; true resumes it at once."
    )

    @model_validator(mode="after")
    def _has_a_field(self) -> RoomUpdate:
        if not self.model_fields_set:
            named = ", ".join(type(self).model_fields)
            raise PydanticCustomError("empty_change", f"nothing to change; give any of {named}")
        return self

    def change(self) -> RoomChange:
        """Return the given fields."""
        return RoomChange(**{name: getattr(self, name) for name in self.model_fields_set})


def check_packs(asked: Sequence[str], loaded: Sequence[Pack]) -> None:
    """Check that all packs are loaded.

    Raises:
        Problem: 422 where one of them is not.
    """
    known = [pack.pack for pack in loaded]
    for name in asked:
        if name not in known:
            raise Problem(
                422, "Unknown pack", f"no pack is called {name!r}; loaded: {', '.join(known)}"
            )
