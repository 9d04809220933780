"""Which carriers take which channel, in the order of preference, as the settings say."""

from collections.abc import Callable, Mapping, Sequence

from pydantic import SecretStr, ValidationError

from service.database import Pool
from service.settings import Settings
from workers.providers.brevo import BrevoEmail, BrevoSms
from workers.providers.by_http import ByHttp, Described
from workers.providers.capture import Capture
from workers.providers.carrier import Carrier
from workers.providers.ovh import Ovh
from workers.providers.smtp import Smtp
from workers.providers.twilio import Twilio


class SettingWrong(Exception):  # noqa: N818 -- named for what is so
    """A carrier can't be had with these settings; its text names no secret."""


def choose(settings: Settings, pool: Pool) -> Mapping[str, Sequence[Carrier]]:
    """The carriers of each channel, the preferred one first. Raises SettingWrong."""
    capture, spare = Capture(pool), Capture(pool, "spare")
    made: dict[str, Callable[[], Carrier]] = {
        "email capture": lambda: capture,
        "email spare": lambda: spare,
        "email smtp": lambda: _smtp(settings),
        "email brevo": lambda: BrevoEmail(str(settings.brevo_url), _secret(settings.brevo_key, "BREVO_KEY")),
        "email http": lambda: _by_http(settings.http_email, "HTTP_EMAIL"),
        "sms capture": lambda: capture,
        "sms spare": lambda: spare,
        "sms twilio": lambda: _twilio(settings),
        "sms ovh": lambda: _ovh(settings),
        "sms brevo": lambda: BrevoSms(
            str(settings.brevo_url), _secret(settings.brevo_key, "BREVO_KEY"), callback=_unsigned(settings, "brevo")
        ),
        "sms http": lambda: _by_http(settings.http_sms, "HTTP_SMS"),
    }
    return {
        channel: [made[f"{channel} {name}"]() for name in dict.fromkeys(names)]
        for channel, names in (("email", settings.email_providers), ("sms", settings.sms_providers))
    }


def _smtp(settings: Settings) -> Smtp:
    try:
        return Smtp(_secret(settings.smtp_url, "SMTP_URL"))
    except ValueError:  # its text may quote the password
        raise SettingWrong("SMTP_URL begins with smtp:// or smtps:// and names a host.") from None


def _twilio(settings: Settings) -> Twilio:
    return Twilio(
        str(settings.twilio_url),
        _given(settings.twilio_account, "TWILIO_ACCOUNT"),
        _secret(settings.twilio_token, "TWILIO_TOKEN"),
        sender=settings.twilio_sender,
        callback=f"{_public(settings)}/callbacks/twilio",
    )


def _ovh(settings: Settings) -> Ovh:
    return Ovh(
        str(settings.ovh_url),
        service=_given(settings.ovh_service, "OVH_SERVICE"),
        key=_secret(settings.ovh_application_key, "OVH_APPLICATION_KEY"),
        secret=_secret(settings.ovh_application_secret, "OVH_APPLICATION_SECRET"),
        consumer=_secret(settings.ovh_consumer_key, "OVH_CONSUMER_KEY"),
        replies=settings.ovh_replies,
        number=settings.ovh_number,
    )


def _by_http(setting: SecretStr | None, name: str) -> ByHttp:
    try:
        return ByHttp(Described.model_validate_json(_secret(setting, name)))
    except ValidationError as error:  # its text may quote a secret header
        places = ", ".join(".".join(map(str, fault["loc"])) or "all of it" for fault in error.errors())
        raise SettingWrong(f"{name} is not as docs/carriers.md describes it: {places}.") from None


def _unsigned(settings: Settings, provider: str) -> str:
    """Where a provider reports that signs nothing: the address is the secret. Empty: it is not to report."""
    secret = settings.callback_secret
    return f"{_public(settings)}/callbacks/{provider}/{secret.get_secret_value()}" if secret else ""


def _public(settings: Settings) -> str:
    return str(settings.public_url).rstrip("/")


def _given(value: str, name: str) -> str:
    if not value:
        raise SettingWrong(f"A carrier was chosen that needs {name}.")
    return value


def _secret(value: SecretStr | None, name: str) -> str:
    return _given(value.get_secret_value() if value else "", name)
