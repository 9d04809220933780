"""What customers wrote back, as the counter reads it."""

from uuid import UUID

from service import replies
from service.callers import Scope
from service.database import transaction
from service.opt_outs import OptOuts
from service.replies import Written
from tests.service.api.conftest import Api
from tests.service.test_notifications import BY_PHONE, tell
from tests.shop import Shop


async def test_the_counter_reads_what_was_written_back(shop: Shop, api: Api) -> None:
    await shop.stock("tea", 5)
    ready = await shop.ready("tea", 1, customer=BY_PHONE)
    await tell(shop)
    for text in ("J'arrive à 18 h", "Stop"):
        async with transaction(shop.pool) as db:
            await replies.receive(
                db,
                Written("twilio", BY_PHONE["phone"], text),
                links=shop.links,
                opt_outs=OptOuts(shop.settings),
            )
    path = f"/v1/stores/lyon/reservations/{ready['id']}/replies"
    told = (await api.get(path)).json["items"]
    assert [(one["body"], one["stop"]) for one in told] == [("Stop", True), ("J'arrive à 18 h", False)]
    stranger = await shop.ready("tea", 1, customer=BY_PHONE | {"phone": "+33639982222"})
    open_orders = (await api.get("/v1/stores/lyon/replies")).json["items"]
    assert [(one["reservation"], one["body"]) for one in open_orders] == [(ready["id"], one["body"]) for one in told]
    assert stranger["id"] not in {one["reservation"] for one in open_orders}
    assert (await api.get(path, key=await api.key(Scope.CHECKOUT))).status == 403
    assert (await api.get(f"/v1/stores/lyon/reservations/{UUID(int=1)}/replies")).status == 404
    assert (await api.get("/v1/stores/nowhere/replies")).status == 404
    await shop.collect(ready)
    assert (await api.get("/v1/stores/lyon/replies")).json["items"] == []
