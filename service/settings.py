"""Settings from `EARSHOT_*` variables. Handed down by section, imported by nobody else."""

from __future__ import annotations

import difflib
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from asr import limits
from asr.cuda import CudaUnavailable, parse_device
from asr.settings import AsrSettings
from service.errors import ConfigurationError

_PREFIX = "EARSHOT_"


def _bounded(bounds: limits.Bounds, description: str) -> Any:
    """Return a setting with a recogniser's default and bounds."""
    return Field(bounds.default, ge=bounds.least, le=bounds.most, description=description)


class Settings(BaseSettings):
    """Every setting, its unit and why one would change it; README shows the same as a table."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port; 0: any free one.")
    data_dir: Path = Field(Path("data"), description="Folder of the database.")
    database_url: str | None = Field(
        None, description="PostgreSQL (postgresql://...) or another SQLite file (sqlite:////...)."
    )
    redis_url: str | None = Field(
        None, description="Redis over which workers transcribe (redis://...); empty: done here."
    )
    redis_mb: int = _bounded(
        limits.STREAM_MIB, "Sound that Redis holds at most, MiB, of all servers."
    )
    admin_key: str | None = Field(
        None, min_length=16, description="The first admin key, in place of a made one."
    )
    ice_addresses: Annotated[list[str], NoDecode] = Field(
        [], description="Addresses that WebRTC offers, comma-separated; empty: by the host."
    )
    secret: str | None = Field(
        None, min_length=16, description="Seals stored webhook secrets, in place of a made key."
    )
    webhook_allow: Annotated[list[str], NoDecode] = Field(
        [], description="Private networks and hosts that webhooks may call, comma-separated."
    )
    listen_to: Annotated[list[str], NoDecode] = Field(
        [], description="Rooms a room server's hook may open: ids or globs, comma-separated."
    )
    public_url: str | None = Field(
        None, pattern=r"^https?://[^\s?#]+$", description="Where people reach this server."
    )
    notice: bool = Field(True, description="Tell a room's members that it is listened to.")
    janus: Annotated[list[str], NoDecode] = Field(
        [], description="Janus servers: ws://host:8188, or name=ws://..., comma-separated."
    )
    janus_api_secret: str = Field("", description="`api_secret` of Janus.")
    janus_token: str = Field("", description="Token of a client, where Janus asks for one.")
    janus_room_secret: str = Field("", description="Secret of VideoRooms, to moderate in them.")
    janus_room_pin: str = Field("", description="PIN of VideoRooms, to get in.")
    janus_speaker_id: str = Field(
        "feed", description="Where a publisher's stable id is: feed, display, display.FIELD."
    )
    janus_hook_secret: str | None = Field(
        None, min_length=16, description="What Janus's event handler signs in with."
    )
    asr_model: str = Field(
        "micro", min_length=1, description="Model: micro (demo), a name, or a directory."
    )
    asr_device: str = Field(
        "auto", description="Where the model runs: auto, cpu, cuda, or cuda:1 (the second GPU)."
    )
    asr_compute_type: str = Field("auto", description="CTranslate2 compute type.")
    asr_threads: int = _bounded(limits.THREADS, "CPU threads a window; 0: one.")
    asr_beam_size: int = _bounded(limits.BEAM_SIZE, "Beam width; 1: greedy, faster.")
    asr_hypotheses: int = _bounded(
        limits.HYPOTHESES, "Further readings for rules that ask for them; below the beam."
    )
    asr_batch_size: int = _bounded(
        limits.BATCH_SIZE, "Windows a batch at most; 0: 8 on CUDA, 1 on a CPU."
    )
    asr_lanes: int = _bounded(
        limits.LANES, "Batches heard at once; 0: 1 on CUDA, the cores on a CPU."
    )
    asr_queue: int = _bounded(limits.CAPACITY, "Utterances that may wait.")
    asr_deadline_s: float = Field(
        float(limits.DEADLINE_S.default),
        ge=limits.DEADLINE_S.least,
        le=limits.DEADLINE_S.most,
        description="Seconds after which an unheard utterance is a gap.",
    )
    asr_cache_dir: Path | None = Field(None, description="Folder of fetched models.")
    policy_dir: Path | None = Field(None, description="Folder of policy packs; empty: shipped.")
    corpus_dir: Path | None = Field(
        None, description="Folder of benign speech (.jsonl) for rules' false-alarm budgets."
    )
    silence_ms: int = Field(500, ge=200, le=3000, description="Pause that ends an utterance, ms.")
    provisional: bool = Field(
        True, description="Raise provisional alerts in the middle of long speech."
    )
    talk_hours: int = Field(24, ge=0, le=8760, description="Hours that unmatched speech is kept.")
    alert_days: int = Field(30, ge=1, le=3650, description="Days that alerts are kept.")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="Form of the logs.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )
    demo_seconds: float | None = Field(
        None, ge=0, le=86_400, description="`earshot demo`: end this long after the table."
    )

    @field_validator("ice_addresses", "webhook_allow", "listen_to", "janus", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("ice_addresses")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for address in value:
            try:
                ipaddress.ip_address(address)
            except ValueError:
                raise ValueError(f"{address!r} is not an IP address such as 192.0.2.1") from None
        return value

    @field_validator("asr_device")
    @classmethod
    def _device(cls, value: str) -> str:
        try:
            parse_device(value)
        except CudaUnavailable as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("asr_hypotheses")
    @classmethod
    def _hypotheses(cls, value: int, info: ValidationInfo) -> int:
        beam: int = info.data.get("asr_beam_size", value + 1)
        if value >= beam:
            raise ValueError(f"{value} further readings need a wider beam than {beam}")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("use redis://host:6379/0, rediss://... or unix:///path")
        return value or None

    def database(self) -> str:
        """The URL of the database in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'earshot.db'}"

    def asr(self) -> AsrSettings:
        return AsrSettings(
            model=self.asr_model,
            device=self.asr_device,
            compute_type=self.asr_compute_type,
            threads=self.asr_threads,
            beam_size=self.asr_beam_size,
            hypotheses=self.asr_hypotheses,
            batch_size=self.asr_batch_size,
            lanes=self.asr_lanes,
            cache_dir=self.asr_cache_dir,
        )

    def rules_url(self) -> str:
        """Where a room's members read what is listened for; empty where that is not known."""
        if self.public_url:
            return f"{self.public_url.rstrip('/')}/rules"
        known = self.port and self.host not in ("0.0.0.0", "::")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/rules" if known else ""

    def local_addresses(self) -> list[str] | None:
        """What WebRTC offers to be reached at; None: every address but loopback."""
        if self.ice_addresses:
            return self.ice_addresses
        if self.host == "localhost" or self.host.startswith("127."):
            return ["127.0.0.1"]
        return None


def load_settings() -> Settings:
    """Settings from the environment.

    Raises:
        ConfigurationError: it names the variable, what is wrong and what would be right.
    """
    refuse_unknown()
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = _PREFIX + str(first["loc"][0]).upper()
        problem = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name}: {problem}") from None


def refuse_unknown() -> None:
    """Raises: ConfigurationError that names a variable which is no setting, and the nearest one."""
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        own = name.upper().removeprefix(_PREFIX)
        if name.upper().startswith(_PREFIX) and own not in known:
            near = difflib.get_close_matches(own, known, 1)
            hint = f"did you mean {_PREFIX}{near[0]}?" if near else "`earshot settings` lists all"
            raise ConfigurationError(f"{name} is not a setting; {hint}")
