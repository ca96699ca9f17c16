"""The emulator alone: `python -m sandbox.yookassa --port 8010 --state state.sqlite`."""

import argparse

import uvicorn

from sandbox.yookassa.app import application
from sandbox.yookassa.config import from_environment
from sandbox.yookassa.connections import Breakable


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--webhook-url", default="")
    parser.add_argument("--state", default="", help="a file; without it, in memory")
    wanted = parser.parse_args()
    config = from_environment(wanted.webhook_url, wanted.state)
    uvicorn.run(
        application(config),
        host="127.0.0.1",
        port=wanted.port,
        log_level="error",
        http=Breakable,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
