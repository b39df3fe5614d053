"""The shop that other tests use holds the same in every database."""

from datetime import date, datetime
from decimal import Decimal

from tests.support.shop import CUSTOMERS, FIRST_ORDER, ITEMS, ORDERS, Shop


def test_the_shop_holds_what_it_says(shop: Shop) -> None:
    assert shop.rows("SELECT count(*) FROM orders") == [(120,)]
    found = shop.rows("SELECT id, name, born, vip, balance FROM customers ORDER BY id")
    plain = [
        (
            row[0],
            row[1],
            date.fromisoformat(row[2]) if isinstance(row[2], str) else row[2],
            bool(row[3]),
            Decimal(str(row[4])),
        )
        for row in found
    ]
    assert plain == [(row[0], row[1], row[4], row[5], row[6]) for row in CUSTOMERS]
    ((order, at, remark),) = shop.rows(f"SELECT id, ordered_at, remark FROM orders WHERE id = {FIRST_ORDER + 3}")
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    assert (order, at, remark) == (FIRST_ORDER + 3, ORDERS[3][2], "急件 🚀")
    assert shop.rows("SELECT count(*) FROM order_items") == [(len(ITEMS),)]
