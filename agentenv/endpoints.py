"""Models behind an OpenAI-compatible endpoint, such as a vLLM server: one way to ask them."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from agentenv.dialects.parsing import cut
from agentenv.errors import DeviceError

logger = logging.getLogger(__name__)

WORTH_RETRYING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
LONGEST_PAUSE = 60.0
LARGEST_ANSWER = 1_000_000
"""Bytes that are read of an answer."""

Answer = TypeVar("Answer")


class RetryError(Exception):
    """An attempt failed; the next may not. `pause`: seconds to wait before, 0 if not known."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause


def persistently(
    attempt: Callable[[], Answer],
    *,
    who: str,
    retries: int,
    pause: Callable[[float], None] = time.sleep,
) -> Answer:
    """What an attempt gives that does not raise `RetryError`.

    Args:
        attempt: to be made once, and again after each failure.
        who: is asked: "judge", "model".
        retries: attempts after the first that fails.
        pause: how to wait between them.

    Raises:
        DeviceError: all of them failed (`<who>_failed`).
    """
    for number in range(retries + 1):
        try:
            return attempt()
        except RetryError as failure:
            problem = failure
        if number < retries:
            pause(min(problem.pause or 2.0**number, LONGEST_PAUSE))
            logger.info("%s: %s; asking again", who, problem)
    raise DeviceError(f"the {who} failed {retries + 1} times, last: {problem}", f"{who}_failed")


def chat(
    url: str, question: Mapping[str, Any], *, who: str, key_variable: str, timeout: float
) -> Mapping[str, Any]:
    """The reply to one chat request.

    Args:
        url: the endpoint's, up to and with /v1.
        question: the request's body.
        who: is asked, for messages.
        key_variable: environment variable that holds the API key, where one is needed.
        timeout: seconds.

    Raises:
        RetryError: the endpoint failed, and may not the next time.
        DeviceError: it refuses (`<who>_failed`).
    """
    headers = {"Content-Type": "application/json"}
    key = os.environ.get(key_variable)
    if key:
        headers["Authorization"] = f"Bearer {key}"
    address = f"{url.rstrip('/')}/chat/completions"
    request = Request(address, json.dumps(question).encode(), headers)
    try:
        with build_opener(_NoRedirect).open(request, timeout=timeout) as response:
            reply = json.loads(response.read(LARGEST_ANSWER))
    except HTTPError as error:
        said = cut(error.read(2000).decode("utf-8", "replace"), 300)
        if error.code in WORTH_RETRYING:
            raise RetryError(f"HTTP {error.code}: {said}", _seconds(error)) from None
        raise DeviceError(
            f"the {who} at {address} refuses: HTTP {error.code}: {said}", f"{who}_failed"
        ) from None
    except (OSError, HTTPException) as error:
        raise RetryError(f"{address} does not answer: {error}") from None
    except ValueError:
        raise RetryError(f"{address} does not answer with JSON") from None
    if not isinstance(reply, Mapping):
        raise RetryError(f"{address} answers with JSON that is no object")
    return reply


def content_of(reply: Mapping[str, Any]) -> str:
    """What the model said.

    Raises:
        RetryError: the reply holds nothing that was said.
    """
    try:
        return str(reply["choices"][0]["message"]["content"])
    except (KeyError, IndexError, TypeError) as problem:
        raise RetryError(f"its answer holds no message ({problem})") from None


def _seconds(error: HTTPError) -> float:
    """What the endpoint asks to wait; 0 if it does not say."""
    asked = error.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *args: Any) -> None:
        return None
