"""Engines and sessions: how the application reaches PostgreSQL."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from services.config import Settings

Sessions = async_sessionmaker[AsyncSession]


def make_engine(url: str, settings: Settings, **options: Any) -> AsyncEngine:
    """Open a pool whose waits are all bounded, so that overload turns into 503.

    Parameters never reach error texts; `jobs` is on the search path because
    procrastinate's functions name its tables without their schema. The planner is
    told that pages come from memory or flash, and never spends 100 ms on compiling.
    """
    server_options = (
        f"-c statement_timeout={settings.statement_timeout_ms}"
        " -c idle_in_transaction_session_timeout=10000"
        " -c lock_timeout=4000"
        " -c random_page_cost=1.1 -c jit=off"
        " -c search_path=public,jobs -c timezone=UTC"
    )
    defaults: dict[str, Any] = {
        "pool_size": settings.pool_size,
        "max_overflow": settings.pool_overflow,
        "pool_timeout": 2,
        "pool_pre_ping": False,
        # The connection used last is the one whose statements are prepared.
        "pool_use_lifo": True,
        "hide_parameters": True,
    }
    return create_async_engine(
        url,
        connect_args={"options": server_options, "connect_timeout": 2},
        **(defaults | options),
    )


def make_sessions(engine: AsyncEngine) -> Sessions:
    """Make the factory that every edge takes its sessions from."""
    return async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
