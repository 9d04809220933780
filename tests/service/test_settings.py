"""Settings keep their secrets to themselves, also when they are wrong."""

import json
import os
import subprocess
import sys

import pytest
from pydantic import SecretStr

from demo.programs import ROOT
from service import settings
from service.settings import Settings

CANARY = "canary-0123456789-0123456789-0123456789"
PUBLIC = {"sendgrid_key"}  # it verifies, and opens nothing
SECRETS = {
    name
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation) or any(word in name for word in ("key", "secret", "token", "password"))
} - PUBLIC
GIVEN = {
    "DATABASE_URL": f"postgresql://comptoir:{CANARY}@localhost/comptoir",
    "PUBLIC_URL": "http://shop.example",
}


def given(name: str) -> str:
    """A setting with the canary in it."""
    several = "tuple" in str(Settings.model_fields[name].annotation)
    return json.dumps([CANARY]) if several else CANARY


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of which every secret is the canary."""
    for name, value in {**{name.upper(): given(name) for name in SECRETS}, **GIVEN}.items():
        monkeypatch.setenv(name, value)
    return settings.read()


def test_no_secret_is_in_what_settings_look_like(chosen: Settings) -> None:
    assert {"token_keys", "data_keys", "smtp_url", "redis_url"} <= SECRETS
    assert CANARY not in repr(chosen) + str(chosen) + f"{chosen!s} {chosen!r} {chosen.__dict__['token_keys']}"
    for name in SECRETS:
        values = getattr(chosen, name)
        for value in values if isinstance(values, tuple) else (values,):
            assert isinstance(value, SecretStr), f"{name} is a secret and shows itself"


RIGHT = {**GIVEN, "TOKEN_KEYS": json.dumps([CANARY]), "DATA_KEYS": json.dumps([CANARY])}
WRONG = {
    "TOKEN_KEYS": (f'["{CANARY[:20]}"]', CANARY),
    "DATA_KEYS": (f'["{CANARY}", "{CANARY[:9]}"]',),
    "DATABASE_URL": (f"mysql://comptoir:{CANARY}@localhost/x",),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_what_is_wrong_is_named_and_not_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for right, its in {**RIGHT, name: value}.items():
        monkeypatch.setenv(right, its)
    with pytest.raises(SystemExit) as ended:
        settings.read()
    assert name.lower() in str(ended.value).lower()
    assert CANARY[:9] not in str(ended.value)


@pytest.mark.parametrize("module", ["service", "workers"])
def test_programs_say_what_is_wrong_and_no_more(module: str) -> None:
    environment = {**os.environ, **RIGHT, "TOKEN_KEYS": f'["{CANARY[:20]}"]'}
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "TOKEN_KEYS" in done.stderr
    assert CANARY[:9] not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
