"""What somebody typed into a form that was refused: it stands there again, so that nobody types it twice."""

from collections.abc import Collection

from markupsafe import Markup
from multidict import MultiDict


class Typed:
    """The fields of one sent form, or of none; a form that was not sent shows what is so."""

    def __init__(self, action: str, fields: MultiDict[str] | None) -> None:
        """`action`: where the form was sent."""
        self._action = action
        self._fields = fields

    def into(self, action: str) -> "Typed":
        """What was typed into the form that is sent there: there may be several on a page."""
        return self if action == self._action else Typed(action, None)

    def text(self, name: str, was: str = "") -> str:
        """What a field says."""
        return was if self._fields is None else self._fields.get(name, "")

    def any(self, name: str, was: Collection[str] = ()) -> bool:
        """Whether any box of this name is ticked."""
        return bool(was if self._fields is None else self._fields.getall(name, []))

    def ticked(self, name: str, value: str = "on", *, was: bool = False) -> Markup:
        """Whether a box is ticked, as its attribute."""
        return Markup(" checked") if self._says(name, value, was=was) else Markup()

    def chosen(self, name: str, value: str, *, was: bool = False) -> Markup:
        """Whether a choice was made, as its attribute."""
        return Markup(" selected") if self._says(name, value, was=was) else Markup()

    def _says(self, name: str, value: str, *, was: bool) -> bool:
        return was if self._fields is None else value in self._fields.getall(name, [])
