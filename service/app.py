"""HTTP application: every route, and the parts that the routes need."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.routing import APIRoute

from service.access import audit_routes, key_routes
from service.access import routes as access_routes
from service.access.parts import ACCESS
from service.alerts import action_routes
from service.alerts import routes as alerts_routes
from service.feed import routes as feed_routes
from service.feed import static
from service.roles.front import Front
from service.rooms import routes as rooms_routes
from service.rooms import whip_routes
from service.rooms.janus import routes as janus_routes
from service.rulebook import policy_routes, report_routes, rules_page, trial_routes
from service.rulebook import routes as rulebook_routes
from service.web import operations
from service.web.body_limit import BodyLimit
from service.web.openapi import DescribedApp
from service.web.problems import install_problems
from service.web.queries import refuse_unknown_query
from service.webhooks import delivery_routes, hook_routes, inbound, openapi
from service.webhooks import routes as webhooks_routes
from service.webhooks.dependency import WEBHOOKS

_GZIP_FROM_BYTES, _GZIP_LEVEL = 2048, 5
"""Long lists shrink to a fifth of their size. The feed's events are never compressed or delayed."""

_BODY_LIMITS = {
    whip_routes.PREFIX: whip_routes.MAX_SDP_BYTES,
    hook_routes.PATH: inbound.MAX_BYTES,
    report_routes.BACKTEST: report_routes.MAX_BYTES,
    rulebook_routes.PREFIX: rulebook_routes.MAX_BODY,
}


def create_app() -> FastAPI:
    """Make the application. It answers requests after `provide_front` has given it its parts."""
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
    app.add_middleware(BodyLimit, exceptions=_BODY_LIMITS)
    app.add_middleware(whip_routes.WhipCors)
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM_BYTES, compresslevel=_GZIP_LEVEL)
    for module in (
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
        delivery_routes,
        hook_routes,
        janus_routes,
    ):
        app.include_router(module.router, dependencies=[Depends(refuse_unknown_query)])
    return app


def provide_front(app: FastAPI, front: Front) -> None:
    """Give every router its parts. The type checker compares them with what the router needs."""
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
    WEBHOOKS.provide(app, front)
    hook_routes.HOOKS.provide(app, front)
    janus_routes.JANUS.provide(app, front)


def _route_name(route: APIRoute) -> str:
    return route.name
