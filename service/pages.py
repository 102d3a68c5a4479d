"""What answers without a key: the rules for members, and the health of the server.

`/metrics` and `/openapi.json` stand here too, and need one. Reads `app.state`: `packs`, `metrics`,
`events`, `queue`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from policies.pack import Pack
from service.access.authenticate import Caller
from service.access.dependency import allow
from service.access.keys import Role
from service.errors import Problem
from service.metrics import Metrics

router = APIRouter(tags=["operations"])

AnyKey = Annotated[Caller, Depends(allow(*Role))]

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2127; --soft: #5b6b7f; --line: #dfe3e8; --page: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --soft: #9aa7b8; --line: #2b313a; --page: #14171c }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 44rem; margin: 0 auto; padding: 2rem 1rem 4rem }
h1 { font-size: 1.5rem; margin: 0 0 1rem } h2 { font-size: 1.1rem; margin: 2rem 0 .25rem }
h3 { font-size: 1rem; margin: 1.25rem 0 .1rem } p { margin: 0 0 .75rem }
small, .soft { color: var(--soft) } code, pre { font: 14px ui-monospace, monospace }
pre { padding: .75rem; border: 1px solid var(--line); border-radius: 6px; overflow-x: auto }
a { color: inherit } section { border-top: 1px solid var(--line); margin-top: 1.5rem }
"""


@router.get("/rules", response_class=HTMLResponse, summary="What is listened for, for members")
async def rules(request: Request) -> HTMLResponse:
    packs: Sequence[Pack] = request.app.state.packs
    return _page(
        "What is listened for",
        "<h1>What is listened for</h1>"
        "<p>Rooms on this server are listened to by software, which compares what is said with the"
        " rules below. It decides nothing: a person looks at every alert. Voices are not"
        " recognised, and words are deleted after a while.</p>" + "".join(map(_pack, packs)),
    )


@router.get("/healthz", summary="The process runs")
async def healthz() -> dict[str, str]:
    return {"status": "ok", "version": version("earshot")}


@router.get("/readyz", summary="It can do its work")
async def readyz(request: Request) -> dict[str, Any]:
    try:
        await request.app.state.database.check()
    except Exception as error:  # whatever it is, the answer is no
        raise Problem(503, "Not ready", "the database does not answer; see the log") from error
    if not request.app.state.queue.alive():
        raise Problem(503, "Not ready", "the recogniser has stopped; restart the server")
    return {"status": "ready", "waiting": request.app.state.queue.waiting()}


@router.get("/metrics", summary="For Prometheus")
async def metrics(request: Request, _: AnyKey) -> Response:
    found: Metrics = request.app.state.metrics
    return Response(found.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, _: AnyKey) -> JSONResponse:
    return JSONResponse(request.app.openapi())


def _pack(pack: Pack) -> str:
    listed = "".join(
        f"<h3>{escape(rule.title)}</h3><p>{escape(rule.description)} "
        f"<small>({escape(rule.category.replace('_', ' '))})</small></p>"
        for rule in pack.policies
    )
    return (
        f"<section><h2>{escape(pack.title)}</h2>"
        f"<p class=soft>{escape(pack.description)} (version {escape(pack.version)})</p>"
        f"{listed}</section>"
    )


def _page(title: str, body: str) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>",
        headers=_HEADERS,
    )
