"""Keys that can't be shown by accident."""

from __future__ import annotations

__all__ = ["Secret"]


class Secret:
    """Holds a key so that `repr`, `str`, formatting, pickling and logs can't show it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Returns the key. Call it only where the key is put on the wire."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret can't be pickled")
