"""A local OpenAI-compatible endpoint that answers what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint:
    """What was asked, and what is answered."""

    def __init__(self, answer: Callable[[dict[str, Any]], tuple[int, Any]]) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answer_headers: dict[str, str] = {}
        self.url = ""


def says(content: str, tokens: tuple[int, int] = (1000, 10)) -> dict[str, Any]:
    """A chat completion."""
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return {"choices": [{"message": {"content": content}}], "usage": usage}


def scores(score: float) -> dict[str, Any]:
    """A chat completion as the judge is asked for."""
    return says(json.dumps({"reason": "because", "score": score}))


@contextmanager
def endpoint(answer: Callable[[dict[str, Any]], tuple[int, Any]]) -> Iterator[Endpoint]:
    """Serve `answer`'s (status, JSON or text) on 127.0.0.1 while the block runs."""
    served = Endpoint(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.asked.append(question)
            served.headers.append(dict(self.headers))
            served.paths.append(self.path)
            status, body = served.answer(question)
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in served.answer_headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
