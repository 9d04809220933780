"""The demo's goods, baskets and opening stock: real purchases, and invented people who make them."""

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

FOLDER = Path(__file__).parent / "data"
OPENING_STOCK = FOLDER / "opening_stock.csv.gz"

CURRENCY = "EUR"

FIRST_NAMES = [
    "Camille", "Louise", "Inès", "Jeanne", "Léa", "Manon", "Chloé", "Alice", "Zoé", "Anaïs", "Margaux", "Élise",
    "Nora", "Salomé", "Clémence", "Awa", "Hugo", "Jules", "Arthur", "Gabriel", "Louis", "Adam", "Nathan", "Théo",
    "Maël", "Karim", "Antoine", "Bastien", "Yanis", "Rémi", "Paul", "Malo",
]  # fmt: skip
LAST_NAMES = [
    "Martin", "Bernard", "Petit", "Robert", "Richard", "Durand", "Dubois", "Moreau", "Laurent", "Simon", "Michel",
    "Lefèvre", "Leroy", "Roux", "David", "Bertrand", "Morel", "Fournier", "Girard", "Bonnet", "Dupont", "Lambert",
    "Fontaine", "Rousseau", "Vincent", "Muller", "Faure", "André", "Mercier", "Blanc", "Diallo", "Garnier",
    "Chevalier", "Benali", "Nguyen", "Legrand", "Perrin",
]  # fmt: skip
ENGLISH = 9  # every ninth household reads English
WITHOUT_PHONE = 4  # every fourth gives no phone

_MEANT = {
    "bev": "beverage", "brd": "bread", "bkfst": "breakfast", "btl": "bottle", "cnd": "canned", "dnrs": "dinners",
    "drnk": "drink", "drnks": "drinks", "drnking": "drinking", "drnkng": "drinking", "ex": "extra", "fd": "food",
    "fem": "feminine", "flvr": "flavour", "flvrd": "flavoured", "frz": "frozen", "frzn": "frozen", "gds": "goods",
    "grnd": "ground", "hygn": "hygiene", "jce": "juice", "liq": "liquid", "mlk": "milk", "mlt": "multi", "mneral":
    "mineral", "mnrl": "mineral", "pac": "pack", "pk": "pack", "pkg": "packaged", "plstc": "plastic", "pnch": "punch",
    "prpck": "prepacked", "reg": "regular", "rts": "ready to serve", "sft": "soft", "sgl": "single", "sngl": "single",
    "srv": "serve", "ss": "single serve", "stk": "stick", "sv": "serve", "swt": "sweet", "tort": "tortilla", "unswe":
    "unsweetened", "veg": "vegetable", "whl": "whole", "wt": "weight", "w": "with",
}  # fmt: skip
_CUT_AT = 30  # letters of a product_type; where it is that long, its last word lost its end


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one sku, and what all of them cost, in cents."""

    sku: str
    quantity: int
    total: int


@dataclass(frozen=True, slots=True)
class Basket:
    """What a household bought in one go in one store."""

    id: str
    household: int
    store: str
    lines: tuple[Line, ...]

    @property
    def units(self) -> int:
        """How many things that is."""
        return sum(line.quantity for line in self.lines)

    @property
    def channels(self) -> set[str]:
        """How its household can be told of it."""
        return {"email", "sms"} if "phone" in household(self.household) else {"email"}

    def order(self, order_ref: str, **more: object) -> dict[str, object]:
        """The body of a hold for this basket."""
        lines = [{"sku": line.sku, "quantity": line.quantity, "total": line.total} for line in self.lines]
        customer = household(self.household)
        return {
            "order_ref": order_ref,
            "channel": "web",
            "customer": customer,
            "lines": lines,
            "currency": CURRENCY,
            **more,
        }


@dataclass(frozen=True, slots=True)
class Product:
    """Something the demo's stores sell."""

    sku: str
    name: str
    price: int  # cents
    aisle: int


def _rows(path: Path) -> Iterator[dict[str, str]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    yield from csv.DictReader(text.decode().splitlines())


@cache
def baskets() -> tuple[Basket, ...]:
    """All baskets, in the order of time."""
    found = []
    for id, rows in groupby(_rows(FOLDER / "basket_lines.csv.gz"), itemgetter("basket_id")):
        bought = list(rows)
        lines = tuple(Line(row["product_id"], int(row["quantity"]), int(row["amount_minor"])) for row in bought)
        found.append(Basket(id, int(bought[0]["household_id"]), bought[0]["store_id"], lines))
    return tuple(found)


@cache
def products() -> tuple[Product, ...]:
    """Everything that is in some basket, at the price it had there last."""
    prices = {line.sku: round(line.total / line.quantity) for basket in baskets() for line in basket.lines}
    rows = list(_rows(FOLDER / "products.csv.gz"))
    aisles = {name: number for number, name in enumerate(sorted({row["product_category"] for row in rows}), 1)}
    return tuple(
        Product(
            row["product_id"],
            product_name(row["product_type"] or row["product_category"] or row["department"], row["package_size"]),
            prices[row["product_id"]],
            aisles[row["product_category"]],
        )
        for row in rows
    )


def opening_stock(path: Path = OPENING_STOCK) -> dict[str, dict[str, int]]:
    """How many of each sku lie in each store before the first customer: store → sku → units.

    Raises RuntimeError for a file that says something else.
    """
    stock: dict[str, dict[str, int]] = {}
    try:
        for row in _rows(path):
            stock.setdefault(row["store_id"], {})[row["product_id"]] = int(row["on_hand"])
    except (OSError, KeyError, ValueError) as error:
        raise RuntimeError(f"{path} is no opening stock (store_id, product_id, on_hand): {error}") from error
    return stock


def product_name(product_type: str, package_size: str) -> str:
    """Spell a name of the data set so that one likes to read it: `FRZN SS PREMIUM ENTREES/DNRS/T` in words."""
    words = re.findall(r"[A-Z0-9&%']+", product_type)
    if len(product_type) >= _CUT_AT and len(words) > 1:
        words.pop()
    spelled = " ".join(_MEANT.get(word.lower(), word.lower()) for word in words)
    name = spelled.removesuffix(" &").removesuffix(" and").strip().title().replace("'S", "'s")
    return f"{name}, {package_size.lower()}" if package_size else name


def household(number: int) -> dict[str, str]:
    """Who this household is: always the same name, address and phone, none of which belongs to anybody."""
    first, last = FIRST_NAMES[number * 7 % len(FIRST_NAMES)], LAST_NAMES[number * 11 % len(LAST_NAMES)]
    customer = {
        "name": f"{first} {last}",
        "email": f"client{number}@example.com",
        "locale": "en-GB" if number % ENGLISH == 0 else "fr-FR",
        "customer_ref": f"H{number}",
    }
    if number % WITHOUT_PHONE:
        customer["phone"] = f"+3319900{number:04}"  # numbers that France keeps for fiction, and nobody else has
    return customer
