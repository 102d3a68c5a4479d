"""Routes of operations: health, status, metrics and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from asr.stream_records import WorkerStatus
from asr.work_queue import WorkQueue
from service.access.authenticate import Caller
from service.access.dependency import allow, refuse_scoped
from service.access.keys import Role
from service.clock import Clock, Timestamp
from service.errors import Problem, StoreAway
from service.metrics import Metrics
from service.provider import Provider
from service.verdict.overload import VerdictLag

router = APIRouter(tags=["operations"])


class Recogniser(Protocol):
    """Work queue with its model or its workers."""

    @property
    def queue(self) -> WorkQueue: ...

    @property
    def model(self) -> str:
        """Name of the model; empty before the model has started."""
        ...

    def unready(self) -> str | None:
        """Return why nothing is transcribed now, with the remedy; None if transcription works."""
        ...

    def workers(self) -> Sequence[WorkerStatus] | None:
        """Return the workers of all servers; None if this process transcribes itself."""
        ...


class Checked(Protocol):
    async def check(self) -> None:
        """Check that the database takes a write.

        Raises:
            StoreAway: It does not; the text says why and names the remedy.
        """
        ...


class Overload(Protocol):
    @property
    def behind(self) -> bool:
        """Whether the last `overload.changed` said "behind"."""
        ...


class OperationsParts(Protocol):
    @property
    def clock(self) -> Clock: ...
    @property
    def database(self) -> Checked: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def notice(self) -> str: ...
    @property
    def overload(self) -> Overload: ...
    @property
    def verdict_lag(self) -> VerdictLag: ...
    @property
    def recogniser(self) -> Recogniser: ...


OPERATIONS = Provider[OperationsParts]()
Parts = Annotated[OperationsParts, Depends(OPERATIONS)]
AnyKey = Annotated[Caller, Depends(allow(*Role))]
UnscopedKey = Annotated[Caller, Depends(allow(*Role, in_scope=refuse_scoped))]


@dataclass(frozen=True, slots=True)
class Status:
    """State of the server.

    Attributes:
        now: Time of the server, from which a page computes ages.
        notice: Warning about the model in use; empty for none.
        waiting: Utterances that wait for their transcript.
        behind_s: Wait of the oldest of them, in seconds.
        overloaded: Whether `overload.changed` last said "behind".
    """

    version: str
    now: Timestamp
    notice: str
    model: str
    waiting: int
    behind_s: float
    overloaded: bool


@router.get("/healthz", summary="Check that the process runs")
async def check_health() -> dict[str, str]:
    return {"status": "ok", "version": version("earshot")}


@router.get("/readyz", summary="Check that the server can do its work")
async def check_readiness(parts: Parts) -> dict[str, Any]:
    try:
        await parts.database.check()
    except StoreAway as error:
        raise Problem(503, "Not ready", error.detail, headers=error.headers) from error
    except Exception as error:  # any error means not ready
        raise Problem(503, "Not ready", "the database does not answer; see the log") from error
    recogniser = parts.recogniser
    if why := recogniser.unready():
        raise Problem(503, "Not ready", why)
    workers = recogniser.workers()
    shown = {} if workers is None else {"workers": [asdict(worker) for worker in workers]}
    return {"status": "ready", "waiting": recogniser.queue.waiting(), **shown}


@router.get("/v1/status", summary="Show the server's version, time, model and load")
async def show_status(parts: Parts, _: AnyKey) -> Status:
    now = parts.clock()
    lag = parts.verdict_lag.lag(now)
    return Status(
        version=version("earshot"),
        now=now,
        notice=parts.notice,
        model=parts.recogniser.model,
        waiting=lag.waiting,
        behind_s=round(lag.behind_s, 1),
        overloaded=parts.overload.behind,
    )


@router.get("/metrics", summary="Export metrics for Prometheus", response_class=PlainTextResponse)
async def export_metrics(parts: Parts, _: UnscopedKey) -> Response:
    text = parts.metrics.render()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/openapi.json", include_in_schema=False)
async def show_openapi(request: Request, _: AnyKey) -> JSONResponse:
    return JSONResponse(request.app.openapi())
