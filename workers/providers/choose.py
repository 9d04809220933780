"""Which carrier takes which channel, as the settings say."""

from collections.abc import Mapping

from service.database import Pool
from service.settings import Settings
from workers.providers.capture import Capture
from workers.providers.carrier import Carrier
from workers.providers.smtp import Smtp


class SettingWrong(Exception):  # noqa: N818 -- named for what is so
    """A carrier can't be had with these settings; its text names no secret."""


def choose(settings: Settings, pool: Pool) -> Mapping[str, Carrier]:
    """The carrier of each channel. Raises SettingWrong."""
    capture = Capture(pool)
    if settings.email_provider == "capture":
        return {"email": capture, "sms": capture}
    if settings.smtp_url is None:
        raise SettingWrong("EMAIL_PROVIDER is smtp: set SMTP_URL too.")
    try:
        return {"email": Smtp(settings.smtp_url.get_secret_value()), "sms": capture}
    except ValueError:  # its text may quote the password
        raise SettingWrong("SMTP_URL begins with smtp:// or smtps:// and names a host.") from None
