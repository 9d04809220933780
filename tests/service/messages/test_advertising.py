"""A message about an order advertises nothing, in our words or in a shop's own."""

import pytest

from service.messages import advertising
from service.messages.words import WORDS


def test_none_of_our_words_advertises() -> None:
    texts = {file: file.read_text() for file in WORDS.folder.glob("*/*") if file.suffix in {".txt", ".html"}}
    assert {} == {file: word for file, text in texts.items() if (word := advertising.found(text))}


@pytest.mark.parametrize(
    ("words", "advertises"),
    [
        ("Profitez de -20 % !", "Profitez"),
        ("Encore -20\u00a0% aujourd’hui", "-20\u00a0%"),
        ("<p>Nos <b>soldes</b></p>", "soldes"),
        ("Don’t miss it", "Don’t miss"),
        ("DÉCOUVREZ-LE", "DÉCOUVREZ"),
        ("Wholesale lamps", None),
        ("<style>.promo { width: 20% }</style>{{ promo }}<!-- sale --> Votre remise en main propre", None),
    ],
)
def test_advertising_is_noticed(words: str, advertises: str | None) -> None:
    assert advertising.found(words) == advertises
