"""What an error tells, to whoever reads its words, parts or traceback."""

from __future__ import annotations

import traceback


def said(error: BaseException) -> str:
    """All that an error and those behind it say of themselves."""
    texts = []
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None:
            texts += [repr(one), str(one), repr(one.args), repr(getattr(one, "__dict__", ""))]
            texts += traceback.format_exception(one)
            with_locals = traceback.TracebackException.from_exception(one, capture_locals=True)
            texts += with_locals.format()  # as crash reporters do
            left += [one.__cause__, one.__context__]
            request = getattr(one, "_request", None)
            texts.append(repr(request and (request, request.headers)))
    return "\n".join(texts)
