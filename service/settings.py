"""Settings from `EARSHOT_*` variables. Only the commands and roles read them."""

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
    """Every setting. `earshot settings` prints each description: effect, unit, default's reason."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid")

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Default: only this machine reaches it; 0.0.0.0: all do.",
    )
    port: int = Field(8080, ge=0, le=65535, description="TCP port to listen on; 0: any free one.")
    data_dir: Path = Field(
        Path("data"), description="Folder of the database and the generated secret."
    )
    database_url: str | None = Field(
        None,
        repr=False,
        description=(
            "Database: postgresql://..., or sqlite:////... for another file. Empty: SQLite in the "
            "data folder, which needs no server."
        ),
    )
    redis_url: str | None = Field(
        None,
        repr=False,
        description=(
            "Redis through which workers transcribe (redis://...). Empty: this process transcribes."
        ),
    )
    redis_mb: int = _bounded(
        limits.STREAM_MIB, "Most audio of all servers in Redis, in MiB; 256 holds 2 h of speech."
    )
    admin_key: str | None = Field(
        None,
        repr=False,
        min_length=16,
        description="First admin key. Empty: the first start makes one and prints it.",
    )
    ice_addresses: Annotated[list[str], NoDecode] = Field(
        [],
        description=(
            "IP addresses at which speakers reach this machine, comma-separated. Empty: all but "
            "loopback; loopback only, if HOST is loopback."
        ),
    )
    secret: str | None = Field(
        None,
        repr=False,
        min_length=16,
        description=(
            "Passphrase that seals the secrets in the database. Empty: a file in the data folder."
        ),
    )
    webhook_allow: Annotated[list[str], NoDecode] = Field(
        [],
        description=(
            "Private networks and hosts that webhooks may call, comma-separated. Empty: none, so "
            "that a webhook cannot reach into your network."
        ),
    )
    action_timeout_s: float = Field(
        30,
        ge=1,
        le=600,
        description=(
            "Seconds in which a room server confirms a moderator's action. Then it has failed, and "
            "is not carried out any more: people act on what happens now."
        ),
    )
    listen_to: Annotated[list[str], NoDecode] = Field(
        [],
        description=("Rooms that a room server's events may open: ids or globs, comma-separated."),
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="URL at which people reach this server. Pages may use it at this host only."
        " Empty: made of host and port, and pages may use any host.",
    )
    notice: bool = Field(
        True, description="Tell the members of a room that it is listened to. False: you tell them."
    )
    janus: Annotated[list[str], NoDecode] = Field(
        [],
        description=(
            "Janus servers whose rooms may be joined: ws://host:8188 or name=ws://..., "
            "comma-separated."
        ),
    )
    janus_api_secret: str = Field("", description="`api_secret` of the Janus servers.")
    janus_token: str = Field("", description="Token that Janus asks of each client.")
    janus_room_secret: str = Field(
        "", description="Secret of VideoRooms that name none of their own; needed to moderate."
    )
    janus_room_pin: str = Field(
        "", description="PIN of VideoRooms that name none of their own; needed to join."
    )
    janus_speaker_id: str = Field(
        "feed",
        description="Place of a publisher's id: feed, display, display.FIELD or metadata.FIELD.",
    )
    janus_hook_secret: str | None = Field(
        None, min_length=16, description="Password with which Janus's event handler signs in."
    )
    asr_model: str = Field(
        "micro",
        min_length=1,
        description=("Speech model: a name such as small.en, or a folder; micro is for the demo."),
    )
    asr_device: str = Field(
        "auto",
        description="Device of the model: cpu, cuda, cuda:1 (second GPU); auto: CUDA if it works.",
    )
    asr_compute_type: str = Field(
        "auto", description="CTranslate2 compute type; auto: float16 on CUDA, int8 on a CPU."
    )
    asr_threads: int = _bounded(
        limits.THREADS,
        "CPU threads for each window; 0: one. More transcribe one utterance a little sooner and "
        "fewer at once.",
    )
    asr_beam_size: int = _bounded(
        limits.BEAM_SIZE, "Beam width of the decoder; 1: greedy, faster and less exact."
    )
    asr_hypotheses: int = _bounded(
        limits.HYPOTHESES,
        "Further readings of each utterance, for rules that ask for them; below the beam width.",
    )
    asr_batch_size: int = _bounded(
        limits.BATCH_SIZE, "Most windows in a batch; 0: 8 on CUDA, 1 on a CPU."
    )
    asr_lanes: int = _bounded(
        limits.LANES, "Batches at once; 0: 1 on CUDA, one for each core on a CPU."
    )
    asr_queue: int = _bounded(
        limits.CAPACITY, "Most utterances that may wait; beyond it the oldest becomes a gap."
    )
    asr_deadline_s: float = Field(
        float(limits.DEADLINE_S.default),
        ge=limits.DEADLINE_S.least,
        le=limits.DEADLINE_S.most,
        description="Longest wait for a transcript, in seconds; then the utterance becomes a gap.",
    )
    asr_cache_dir: Path | None = Field(
        None, description="Folder of fetched models. Empty: the hub client's own."
    )
    policy_dir: Path | None = Field(
        None,
        description=(
            "Folder of policy packs, watched for changes. Empty: the shipped packs; the "
            "demo's with micro."
        ),
    )
    corpus_dir: Path | None = Field(
        None,
        description=(
            "Folder of benign speech (.jsonl), to check rules against their false-alarm budgets."
        ),
    )
    silence_ms: int = Field(
        500,
        ge=200,
        le=3000,
        description=(
            "Pause that ends an utterance, in ms. A shorter one alerts sooner and cuts more "
            "sentences."
        ),
    )
    provisional: bool = Field(
        True,
        description="Raise provisional alerts during long speech, before its final transcript.",
    )
    helplines: Path | None = Field(
        None,
        description=(
            "YAML or JSON file of helplines for people who may need help. Empty: none is shown; "
            "you know which ones answer where your members live."
        ),
    )
    talk_hours: int = Field(
        24,
        ge=0,
        le=8760,
        description=(
            "Hours that transcripts around no alert are kept. One day, for privacy; 0: none."
        ),
    )
    alert_days: int = Field(
        30, ge=1, le=3650, description="Days that alerts are kept, with the talk around them."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="Form of the logs; auto: console on a terminal, else json."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged."
    )
    demo_seconds: float | None = Field(
        None,
        ge=0,
        le=86_400,
        description=(
            "Seconds after which `earshot demo` ends once it has printed its table. Empty: until "
            "Ctrl-C on a terminal, else at once."
        ),
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
        """Return the URL of the database."""
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
        """Return the address of the rules for a room's members; empty if it is unknown."""
        if self.public_url:
            return f"{self.public_url.rstrip('/')}/rules"
        known = self.port and self.host not in ("0.0.0.0", "::")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/rules" if known else ""

    def local_addresses(self) -> list[str] | None:
        """Return the addresses that WebRTC offers; None for every address but loopback."""
        if self.ice_addresses:
            return self.ice_addresses
        if self.host == "localhost" or self.host.startswith("127."):
            return ["127.0.0.1"]
        return None


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        ConfigurationError: A variable is not valid; the text names it and the remedy.
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
    """Refuse variables that begin with EARSHOT_ and are no setting.

    Raises:
        ConfigurationError: It names the variable and the nearest setting.
    """
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        own = name.upper().removeprefix(_PREFIX)
        if name.upper().startswith(_PREFIX) and own not in known:
            near = difflib.get_close_matches(own, known, 1)
            hint = f"did you mean {_PREFIX}{near[0]}?" if near else "`earshot settings` lists all"
            raise ConfigurationError(f"{name} is not a setting; {hint}")
