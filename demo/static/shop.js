"use strict";

// A checkout, as small as can be: it reserves, it is paid, it confirms. A real one asks from its server, where the key is.
const { key, store, done, refused } = document.body.dataset;
const said = document.querySelector(".said");
const calls = document.querySelector(".calls");

async function ask(path, body, once) {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json", "Idempotency-Key": once };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const line = document.createElement("li");
  const parts = [["b", "POST"], ["span", path.replace(/[0-9a-f]{8}-[0-9a-f-]+/, "…")], ["em", answer.status]];
  line.append(...parts.map(([kind, text]) => Object.assign(document.createElement(kind), { textContent: text })));
  calls.hidden = false;
  calls.querySelector("ol").append(line);
  return { ok: answer.ok, told: await answer.json() };
}

async function take(button) {
  const order = `WEB-${Math.random().toString(36).slice(2, 7).toUpperCase()}`;
  const { sku, price, currency } = button.dataset;
  calls.querySelector("ol").replaceChildren();
  const place = `/v1/stores/${store}/reservations`;
  const held = await ask(place, {
    order_ref: order,
    channel: "web",
    customer: { name: "Camille Martin", email: "camille@example.com", phone: "+33199000001", locale: document.documentElement.lang },
    currency,
    lines: [{ sku, quantity: 1, unit_price: Number(price) }],
  }, order);
  const paid = held.ok ? await ask(`${place}/${held.told.id}/confirm`, { payment_ref: `pay-${order}` }, `${order}-paid`) : held;
  said.textContent = paid.ok ? done.replace("{}", order) : refused.replace("{}", paid.told.detail);
  if (paid.ok) window.parent.postMessage({ ordered: paid.told.pickup_url }, location.origin);
}

document.querySelector("main").addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  button.disabled = true;
  await take(button).finally(() => { button.disabled = false; });
});
