"""The words of messages: a folder for each language, and one layout of all e-mails, which MJML draws."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from mjml import mjml2html

from service.messages import spelling

FOLDER = spelling.FOLDER


def drawn(mjml: str) -> str:
    """HTML that mail programs show, of a document in MJML; what Jinja is to fill stays in it. Asks nothing outside."""
    return str(mjml2html(mjml, fonts={}))


class Templates(FileSystemLoader):
    """The files of a folder; a page that is written in MJML is drawn when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder = folder

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """The text of a template."""
        page = (self._folder / template).with_suffix(".mjml")
        if template.endswith(".html") and page.is_file():
            return drawn(page.read_text(encoding="utf-8")), str(page), lambda: True
        return super().get_source(environment, template)


class Words:
    """All words of a folder. `fr/ready.txt` are those of a kind and part; a language is a folder like `fr`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.templates = Environment(
            loader=Templates(folder),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def languages(self) -> frozenset[str]:
        """The languages that there are words in."""
        return frozenset(file.parent.name for file in self.folder.glob("*/spelling.json"))

    def language(self, locale: str, default: str) -> str:
        """The language we write to someone of this locale (BCP 47): theirs where there are words, else the default."""
        spoken = locale.split("-", maxsplit=1)[0].lower()
        return spoken if spoken in self.languages else default

    def fill(self, language: str, name: str, known: Mapping[str, Any]) -> str:
        """Fill a template of a language, like `ready.txt` or `ready.html`."""
        filled = self.templates.get_template(f"{language}/{name}").render(known)
        typeset = spelling.typeset_page if name.endswith(".html") else spelling.typeset
        return typeset(filled, language, self.folder)


WORDS = Words()
"""The words that come with Comptoir."""
