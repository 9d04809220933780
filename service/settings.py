"""Every setting, typed and frozen; read once at the start and passed down."""

from typing import Annotated, Literal

from pydantic import (
    Field,
    HttpUrl,
    IPvAnyNetwork,
    PostgresDsn,
    SecretStr,
    StringConstraints,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

TokenKey = Annotated[SecretStr, Field(min_length=32)]


class Settings(BaseSettings):
    """What a deployment decides; each field is an environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(frozen=True, env_file=".env", extra="ignore", env_ignore_empty=True)

    database_url: PostgresDsn = Field(
        repr=False, description="PostgreSQL 15 or newer, e.g. postgresql://user:secret@host/comptoir"
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Redis 6.2 or Valkey; only wakes workers earlier. sentinel:// for Sentinel"
    )
    public_url: HttpUrl = Field(description="Where customers reach this service; links in messages begin with it")
    token_keys: tuple[TokenKey, ...] = Field(
        min_length=1,
        description="Secrets of 32 characters or more that sign customers' links, as a JSON list: "
        "the first signs, all verify",
    )
    data_keys: tuple[TokenKey, ...] = Field(
        min_length=1,
        description="Secrets of 32 characters or more that seal personal data in the database, as a JSON list: "
        "the first seals, all open; whoever loses them loses that data",
    )

    host: str = Field(default="127.0.0.1", description="Address the API listens on")
    port: int = Field(default=8080, ge=0, le=65535, description="Port the API listens on")
    pool_size: int = Field(default=8, ge=2, le=100, description="Connections to PostgreSQL per process")
    drain_seconds: float = Field(
        default=3,
        ge=0,
        le=60,
        description="Seconds that a stopping API still takes requests while /readyz says 503, so that proxies turn",
    )
    rate_limit_per_second: int = Field(
        default=500, ge=0, description="Requests per second that one key may make of one process; 0: no limit"
    )
    public_rate_limit_per_second: int = Field(
        default=10,
        ge=0,
        description="The same for the open pages, and for keys that nobody knows, per client address; 0: no limit",
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(), description="Networks whose X-Forwarded-For is believed, as a JSON list"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="json, or console for people; auto: console on a terminal"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged")

    default_locale: Literal["fr", "en"] = Field(default="fr", description="Language of customers who named none")
    retailer: Annotated[str, StringConstraints(max_length=30)] = Field(
        default="", description="The shop's name as messages say it; empty: the store's name"
    )
    forget_after_days: int = Field(
        default=30, ge=1, le=3650, description="Days after its end that an order's customer is forgotten"
    )
    email_providers: tuple[Literal["capture", "spare", "smtp", "brevo", "http"], ...] = Field(
        default=("capture",),
        min_length=1,
        description="Carriers of e-mails as a JSON list, in the order of preference: capture, smtp, brevo, http. "
        "While one rests after many failures, the next takes over",
    )
    sms_providers: tuple[Literal["capture", "spare", "twilio", "ovh", "brevo", "http"], ...] = Field(
        default=("capture",),
        min_length=1,
        description="The same for text messages: capture, twilio, ovh, brevo, http",
    )
    email_from: str = Field(default="comptoir@localhost.example", description="Sender of e-mails")
    sms_sender: str = Field(
        default="COMPTOIR",
        pattern=r"^[A-Za-z0-9 ]{1,11}$",
        description="Sender of text messages: at most 11 letters and digits",
    )
    allow_private_webhooks: bool = Field(
        default=False, description="Whether webhooks may go to the own network, and without TLS: for trying out only"
    )
    smtp_url: SecretStr | None = Field(
        default=None, description="smtp://user:secret@host:587 (STARTTLS), smtps://host:465 or smtp://localhost:1025"
    )
    callback_secret: Annotated[SecretStr, Field(min_length=24)] | None = Field(
        default=None,
        description="Last part of the addresses that OVHcloud and Brevo call, who sign nothing: "
        "/callbacks/ovh/<it>, /callbacks/brevo/<it>; 24 characters or more",
    )
    twilio_account: str = Field(default="", description="Twilio's account SID, AC…")
    twilio_token: SecretStr | None = Field(default=None, description="Its auth token; also verifies what Twilio calls")
    twilio_sender: str = Field(
        default="", description="A number, or a messaging service MG…; empty: SMS_SENDER, to which nobody can reply"
    )
    twilio_url: HttpUrl = Field(default=HttpUrl("https://api.twilio.com"), description="Twilio's API")
    ovh_service: str = Field(default="", description="OVHcloud's SMS service, sms-ab12345-1")
    ovh_application_key: SecretStr | None = Field(default=None, description="Its application key")
    ovh_application_secret: SecretStr | None = Field(default=None, description="The application's secret")
    ovh_consumer_key: SecretStr | None = Field(default=None, description="The consumer key")
    ovh_replies: bool = Field(
        default=False,
        description="Whether OVHcloud sends what holds no link from a number that can be replied to, "
        "not from SMS_SENDER",
    )
    ovh_number: Annotated[str, StringConstraints(pattern=r"^(\+?[0-9]{6,15})?$")] = Field(
        default="",
        description="A virtual number of OVH_SERVICE, as OVHcloud lists it: everything goes out from it, and everybody "
        "can reply; SMS_SENDER and OVH_REPLIES then say nothing",
    )
    ovh_url: HttpUrl = Field(default=HttpUrl("https://eu.api.ovh.com/1.0"), description="OVHcloud's API")
    brevo_key: SecretStr | None = Field(default=None, description="Brevo's API key")
    brevo_url: HttpUrl = Field(default=HttpUrl("https://api.brevo.com/v3"), description="Brevo's API")
    http_sms: SecretStr | None = Field(
        default=None,
        description='Any other carrier of text messages, as JSON: {"url": "https://…", "headers": {"Authorization": '
        '"…"}, "body": {"to": "{recipient}", "from": "{sender}", "text": "{text}"}, "id": "/messages/0/id"}; '
        "see docs/carriers.md",
    )
    http_email: SecretStr | None = Field(
        default=None, description="The same for e-mails, with {subject}, {html}, {sender_name}"
    )
    sendgrid_key: str = Field(
        default="", description="Public key that verifies SendGrid's events, where it delivers what smtp sends"
    )
    sns_topics: tuple[str, ...] = Field(
        default=(), description="SNS topics whose reports of Amazon SES are believed, arn:aws:sns:…, as a JSON list"
    )


def read() -> Settings:
    """Read the settings, once, from the environment and `.env`. Ends the program with a line for each that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()]
    except SettingsError as error:
        lines = [f'{error}: it is to be JSON, like ["…"]']  # its text names the field and its source, not the value
    raise SystemExit("\n".join(["The settings are not as they must be (see .env.example):", *lines]))
