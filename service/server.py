"""Server that has both roles in one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from asr.models import MICRO
from service.access.first_admin import ensure_admin
from service.access.sealing import make_seal
from service.app import provide_front
from service.clock import utc_now
from service.metrics import Metrics
from service.roles.common import Common
from service.roles.front import Front, PolicyWorkers, build_front, build_services
from service.roles.front_loops import run_front
from service.roles.ingest import Ingest, build_ingest, run_ingest
from service.roles.stores import stores_on
from service.roles.transcription import make_recogniser
from service.rooms.peer.startup_check import report_private_names
from service.rulebook.child_process import ChildProcess
from service.rulebook.folder import load_policies
from service.settings import Settings
from service.storage.database_lock import DatabaseLock, lock_database
from service.storage.schema import open_database
from service.web.descriptors import MOST_CONNECTIONS


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Running server.

    Attributes:
        hold: Lock on the database; another server takes it when this one loses it.
        first_key: Secret of the admin key, where this start created one.
    """

    front: Front
    ingest: Ingest
    hold: DatabaseLock
    first_key: str | None


@asynccontextmanager
async def run_roles(
    app: FastAPI, settings: Settings, *, most_feeds: int = MOST_CONNECTIONS
) -> AsyncIterator[RunningServer]:
    """Run both roles in this process and give `app` the parts of the front.

    Opens the database, loads the model and the policies, and owns every task.

    Args:
        most_feeds: Most streams of the feed at once.

    Raises:
        ConfigurationError: A setting, file or model is unusable.
    """
    metrics, clock = Metrics(), utc_now
    files = load_policies(settings.policy_dir, demo=settings.asr_model == MICRO)
    async with AsyncExitStack() as stack:
        hold = await stack.enter_async_context(lock_database(settings.database()))
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
        services = await build_services(
            settings, stores, words, files, workers, common, most_feeds=most_feeds
        )
        ingest = build_ingest(settings, stores, services.for_ingest(), common)
        front = build_front(settings, database, stores, services, ingest.for_front(), common)
        metrics.tasks.set_function(lambda: len(asyncio.all_tasks()))
        await words.start()
        first_key = await ensure_admin(stores.keys, stores.audit, settings.admin_key, clock())
        await report_private_names(settings.local_addresses())
        await stack.enter_async_context(run_ingest(ingest, stores, services.for_ingest(), common))
        await stack.enter_async_context(run_front(front, settings))
        provide_front(app, front)
        yield RunningServer(front, ingest, hold, first_key)
