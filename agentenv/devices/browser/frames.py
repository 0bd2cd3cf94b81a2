"""Frames: what their documents list and answer, joined to one screen.

A document cannot look into a frame of another site, nor may it; so each is asked by itself,
and told where on the screen it lies. A page without frames is asked once, as if there were
none anywhere.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from agentenv.devices.browser.engine import Engine, ScriptError, call_page, value_of
from agentenv.devices.browser.page_script import page_script
from agentenv.errors import ActionError, DeviceError

logger = logging.getLogger(__name__)

MAX_ELEMENTS = 500
_MAX_DEPTH = 8
_MAX_FRAMES = 50
_GONE = {"error": "this frame is no longer on the page"}

_Place = tuple[int, ...]
"""Which frame: the number of the main page's frame, of that one's frame, ...; () is the page."""
_Record = dict[str, Any]
_Listed = list[tuple[tuple[_Place, int], _Record]]
"""Records, each with its frame and its index there."""


class FrameGoneError(Exception):
    """A frame was removed, or is just being replaced."""


class Frames:
    """The frames of an engine's page."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._documents: dict[_Place, str] = {}
        """Something of each frame's document that calls can be addressed to."""
        self._origins: list[tuple[_Place, int]] | None = None
        """Frame and index in it of each listed element; None if all are the page's own."""
        self._field: _Place = ()
        """Where what the next call is about was found."""

    def join(self, seen: Mapping[str, Any]) -> list[_Record]:
        """The records of all elements on the screen, in document order.

        Args:
            seen: what the main page's `observe` gave.
        """
        self._field = ()
        if "frames" not in seen:
            self._origins = None
            self._documents.clear()
            return list(seen["elements"])
        joined = self._join((), seen)[:MAX_ELEMENTS]
        self._origins = [origin for origin, _ in joined]
        return [record for _, record in joined]

    def ask(self, function: str, *arguments: Any) -> dict[str, Any]:
        """Call one of `targets.js`, in the frame that has the element or the point.

        Returns:
            its answer; failures as {"error": why}, in words for the agent.

        Raises:
            ActionError: there is no such element.
        """
        answer: dict[str, Any]
        if self._origins is None:
            answer = call_page(self._engine, function, *arguments)
            return answer
        try:
            match function:
                case "pointOf":
                    return self._point_of(*arguments)
                case "fieldAt":
                    return self._field_at(*arguments)
                case "wheelAt":
                    return self._wheel_at(*arguments)
                case "pansAt":  # what a frame does not let its pages do, they cannot
                    return self._call((), function, *arguments)
            answer = self._call(self._field, function, *arguments)
            return answer
        except FrameGoneError:
            return dict(_GONE)

    def rest(self, place: _Place = ()) -> None:
        """Turn the clocks of the frames back, as the main page's `rest` does its own."""
        for number in self._call(place, "frameNumbers")[:_MAX_FRAMES]:
            with suppress(FrameGoneError):
                self._call((*place, number), "rest", None)
                if len(place) < _MAX_DEPTH:
                    self.rest((*place, number))

    def _join(self, place: _Place, seen: Mapping[str, Any]) -> _Listed:
        own = [((place, index), record) for index, record in enumerate(seen["elements"])]
        joined: _Listed = []
        done = 0
        for frame in seen.get("frames", ()):
            joined += own[done : frame["at"]]
            done = frame["at"]
            try:
                joined += self._inside(place, frame)
            except FrameGoneError as error:
                logger.debug("left out a frame: %s", error)
        return joined + own[done:]

    def _inside(self, place: _Place, frame: Mapping[str, Any]) -> _Listed:
        """What a frame lists, but for what is covered by the document around it."""
        inner = (*place, frame["frame"])
        if len(inner) > _MAX_DEPTH:
            return []
        seen = self._call(inner, "observeFrame", frame["view"])
        listed = self._join(inner, seen)
        points = [record["points"] for _, record in listed]
        reached = self._call(place, "reached", frame["frame"], points)
        return [
            (origin, record | {"points": open_points})
            for (origin, record), open_points in zip(listed, reached, strict=True)
            if open_points
        ]

    def _point_of(self, index: int) -> dict[str, Any]:
        place, local = self._origin(index)
        if not place:
            return self._call((), "pointOf", local)
        answer: dict[str, Any] = self._call(place, "pointsOf", local)
        points = answer.get("points", [])
        while place and points:
            *around, number = place
            place = tuple(around)
            [points] = self._call(place, "reached", number, [points])
        if points:
            return {"x": points[0][0], "y": points[0][1]}
        return {"error": answer.get("error", "this element is covered")}

    def _field_at(self, index: int | None, point: Any) -> dict[str, Any]:
        place, local = ((), None) if index is None else self._origin(index)
        answer = self._call(place, "fieldAt", local, point)
        while "frame" in answer:
            place = (*place, answer["frame"])
            answer = self._call(place, "fieldAt", None, point)
        self._field = place
        return answer

    def _wheel_at(self, index: int | None, point: Any, direction: str) -> dict[str, Any]:
        place: _Place = ()
        if index is not None:
            at = self._point_of(index)
            if "error" in at:
                return at
            point = [at["x"], at["y"]]
        answer = self._call(place, "wheelAt", None, point, direction)
        while "frame" in answer:
            place = (*place, answer["frame"])
            answer = self._call(place, "wheelAt", None, answer["point"], direction)
        while "still" in answer:
            place = place[:-1]
            answer = self._call(place, "wheelAt", None, answer["point"], direction, True)
        self._field = place
        return answer

    def _origin(self, index: int) -> tuple[_Place, int]:
        assert self._origins is not None
        if index >= len(self._origins):
            raise ActionError(f"there is no element {index}; this screen has {len(self._origins)}")
        return self._origins[index]

    def _call(self, place: _Place, function: str, *arguments: Any) -> Any:
        if not place:
            return call_page(self._engine, function, *arguments)
        listed = ", ".join(json.dumps(argument) for argument in arguments)
        call = f"window.__agentenv.{function}({listed})"
        known = self._documents.get(place)
        if known is not None:
            try:
                return self._evaluate(known, call)
            except FrameGoneError:
                del self._documents[place]
        document = self._documents[place] = self._document(place)
        try:
            return self._evaluate(document, call)
        except FrameGoneError:
            # The document may have been made without a script of ours having run.
            self._evaluate(document, page_script())
            return self._evaluate(document, call)

    def _document(self, place: _Place) -> str:
        """Something of a frame's document that calls can be addressed to."""
        *around, number = place
        element = f"window.__agentenv.frameElement({number})"
        if around:
            parent = self._documents[tuple(around)]
            found = self._protocol(
                "Runtime.callFunctionOn",
                objectId=parent,
                functionDeclaration=f"function () {{ return {element}; }}",
            )
        else:
            found = self._protocol("Runtime.evaluate", expression=element)
        if "objectId" not in found["result"]:
            raise FrameGoneError(f"frame {place} is not there")
        node = self._protocol("DOM.describeNode", objectId=found["result"]["objectId"])["node"]
        if "contentDocument" not in node:
            raise FrameGoneError(f"frame {place} has no document")
        inner = node["contentDocument"]["backendNodeId"]
        resolved = self._protocol("DOM.resolveNode", backendNodeId=inner)["object"]
        return str(resolved["objectId"])

    def _evaluate(self, document: str, expression: str) -> Any:
        answer = self._protocol(
            "Runtime.callFunctionOn",
            objectId=document,
            functionDeclaration=f"function () {{ return {expression}; }}",
            returnByValue=True,
        )
        try:
            return value_of(answer)
        except ScriptError as error:
            raise FrameGoneError(str(error)) from error

    def _protocol(self, method: str, **params: Any) -> Mapping[str, Any]:
        try:
            return self._engine.call(method, **params)
        except DeviceError as error:
            if error.cause != "protocol":
                raise
            raise FrameGoneError(str(error)) from error
