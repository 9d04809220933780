"""What a listener may ask of a stream."""

from pydantic import Field

from service.models.fields import Asked


class StreamAsked(Asked):
    """From where to go on, for those who can't send the header."""

    last_event_id: str | None = Field(default=None, max_length=100, description="Like the header Last-Event-ID")
