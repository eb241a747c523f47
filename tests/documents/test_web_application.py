"""The web application of the documents: its requests publish, and show what was published."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from support.commands import missing

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "embed-in-a-web-application.md"


def application() -> Any:
    code = re.search(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert code is not None
    names: dict[str, Any] = {}
    exec(compile(code[1], str(PAGE), "exec"), names)
    return names["app"]


async def asked(app: Any, state: dict[str, Any], method: str, path: str, body: bytes = b"") -> Any:
    """What the application answers to a request, by ASGI."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [], "state": dict(state), "scheme": "http", "server": ("localhost", 80), "root_path": "",
        "asgi": {"version": "3.0"}, "http_version": "1.1",
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return json.loads(b"".join(event.get("body", b"") for event in sent[1:]))


async def test_requests_publish_and_show_what_was_published() -> None:
    try:
        app = application()
    except ModuleNotFoundError as absent:
        missing(str(absent.name))
    events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    state: dict[str, Any] = {}
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
    running = asyncio.create_task(app(scope, events.get, told.put))
    await events.put({"type": "lifespan.startup"})
    assert (await told.get())["type"] == "lifespan.startup.complete"
    assert await asked(app, state, "POST", "/publish/sensors/1", b"21") == {"matched": 1}
    assert await asked(app, state, "GET", "/sensors") == {"sensors/1": "21"}
    broker = state["broker"]
    assert broker.is_running
    await events.put({"type": "lifespan.shutdown"})
    assert (await told.get())["type"] == "lifespan.shutdown.complete"
    await running
    assert not broker.is_running
