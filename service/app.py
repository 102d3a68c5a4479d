"""The server: its routes, and its two roles in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.routing import APIRoute

from asr.models import MICRO
from service.access import audit_routes, key_routes
from service.access import routes as access_routes
from service.access.first_admin import ensure_admin
from service.access.parts import ACCESS
from service.access.sealing import make_seal
from service.alerts import action_routes
from service.alerts import routes as alerts_routes
from service.clock import utc_now
from service.feed import routes as feed_routes
from service.feed import static
from service.metrics import Metrics
from service.roles.common import Common
from service.roles.front import Front, PolicyWorkers, build_front, build_services, run_front
from service.roles.ingest import Ingest, build_ingest, run_ingest
from service.roles.stores import stores_on
from service.roles.transcription import make_recogniser
from service.rooms import routes as rooms_routes
from service.rooms import whip_routes
from service.rooms.janus import routes as janus_routes
from service.rooms.peer.startup_check import report_private_names
from service.rulebook import policy_routes, report_routes, rules_page, trial_routes
from service.rulebook import routes as rulebook_routes
from service.rulebook.child_process import ChildProcess
from service.rulebook.folder import load_policies
from service.settings import Settings
from service.storage.one_server import Hold, for_one_server
from service.storage.schema import open_database
from service.web import operations
from service.web.body_limit import BodyLimit
from service.web.openapi import DescribedApp
from service.web.problems import install_problems
from service.web.queries import refuse_unknown_query
from service.webhooks import hook_routes, inbound, openapi
from service.webhooks import routes as webhooks_routes

_PACKED_BYTES, _PACKING = 2048, 5
"""Long lists shrink to a fifth of their size; the feed's events leave unpacked, at once."""

_LIMITS = {
    whip_routes.PREFIX: whip_routes.MAX_SDP_BYTES,
    hook_routes.PATH: inbound.MAX_BYTES,
    report_routes.BACKTEST: report_routes.MAX_BYTES,
    rulebook_routes.PREFIX: rulebook_routes.MAX_BODY,
}


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs.

    Attributes:
        hold: On the database, which another server may take.
        first_key: Secret of the admin key made at this start, if one was made.
    """

    front: Front
    ingest: Ingest
    hold: Hold
    first_key: str | None


def create_app() -> FastAPI:
    """All routes. Requests are answered once `provide_front` has given them their parts."""
    app = DescribedApp(
        title="earshot",
        description="Real-time moderation for social audio rooms.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_route_name,
    )
    install_problems(app)
    openapi.describe(app)
    app.add_middleware(BodyLimit, exceptions=_LIMITS)
    app.add_middleware(whip_routes.WhipCors)
    app.add_middleware(GZipMiddleware, minimum_size=_PACKED_BYTES, compresslevel=_PACKING)
    for part in (
        static,
        rules_page,
        operations,
        report_routes,
        policy_routes,
        trial_routes,
        rulebook_routes,
        access_routes,
        key_routes,
        audit_routes,
        rooms_routes,
        whip_routes,
        feed_routes,
        alerts_routes,
        action_routes,
        webhooks_routes,
        hook_routes,
        janus_routes,
    ):
        app.include_router(part.router, dependencies=[Depends(refuse_unknown_query)])
    return app


def provide_front(app: FastAPI, front: Front) -> None:
    """Hand every router its parts. The type checker compares what each needs with the role."""
    ACCESS.provide(app, front)
    static.CONSOLE.provide(app, front)
    rules_page.RULES.provide(app, front)
    operations.OPERATIONS.provide(app, front)
    report_routes.REPORT.provide(app, front)
    policy_routes.POLICIES.provide(app, front)
    rulebook_routes.RULEBOOK.provide(app, front)
    rooms_routes.ROOMS.provide(app, front)
    whip_routes.WHIP.provide(app, front)
    feed_routes.FEED.provide(app, front)
    alerts_routes.ALERTS.provide(app, front)
    action_routes.ACTIONS.provide(app, front)
    webhooks_routes.WEBHOOKS.provide(app, front)
    hook_routes.HOOKS.provide(app, front)
    janus_routes.JANUS.provide(app, front)


@asynccontextmanager
async def running(app: FastAPI, settings: Settings) -> AsyncIterator[Running]:
    """Run both roles in this process, and provide `app` with the front.

    Opens the database, loads model and policies, and owns every task.

    Raises:
        ConfigurationError: A setting, file or model is unusable.
    """
    metrics, clock = Metrics(), utc_now
    files = load_policies(settings.policy_dir, demo=settings.asr_model == MICRO)
    async with AsyncExitStack() as stack:
        hold = await stack.enter_async_context(for_one_server(settings.database()))
        database = await open_database(settings.database(), may_write=hold.why_not)
        stack.push_async_callback(database.close)
        stores = stores_on(database)
        seal = make_seal(settings.secret, settings.data_dir)
        words = make_recogniser(settings, metrics)
        stack.push_async_callback(words.close)
        workers = PolicyWorkers(
            checks=await stack.enter_async_context(ChildProcess("policies")),
            backtests=await stack.enter_async_context(ChildProcess("backtest")),
        )
        common = Common(seal=seal, metrics=metrics, clock=clock)
        services = await build_services(settings, stores, words, files, workers, common)
        ingest = build_ingest(settings, stores, services.for_ingest(), common)
        front = build_front(settings, database, stores, services, ingest.for_front(), common)
        metrics.tasks.set_function(lambda: len(asyncio.all_tasks()))
        await words.start()
        first_key = await ensure_admin(stores.keys, stores.audit, settings.admin_key, clock())
        await report_private_names(settings.local_addresses())
        await stack.enter_async_context(run_ingest(ingest, stores, services.for_ingest(), common))
        await stack.enter_async_context(run_front(front, settings))
        provide_front(app, front)
        yield Running(front, ingest, hold, first_key)


def _route_name(route: APIRoute) -> str:
    return route.name
