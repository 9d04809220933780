// What the picker has fetched so far: one list across the orders, by shelf place; kept on the phone until it is shelved.

import { computed, signal } from "./dom.js";
import { get, Refused, Unreachable } from "./api.js";
import { called, claim, outbox, outcome, shown, told } from "./cards.js";
import { isShelf, repairAll, repairDigits } from "./codes.js";
import { pick, shelve } from "./deeds.js";
import { keep, read } from "./keeping.js";
import { device } from "./session.js";
import { isKnown } from "./shelves.js";
import { play } from "./sounds.js";
import { say } from "./words.js";

export const lines = signal(null); // as the service lists them: one per order and sku
export const unread = signal(false); // the service did not say what there is to be fetched
export const fetched = signal({}); // "order sku" → {found, reason?}: how many are in the basket; a reason ends the search
export const last = signal(null); // what the last scan meant: {good, text, more}
export const placing = signal(null); // the order that waits for its shelf
export const shelf = signal(""); // its name, as far as it was typed or read
export const bags = signal(1); // how many it fills
export const asking = signal(null); // the line of which something is missing

const at = (line) => `${line.reservation} ${line.sku}`;
export const found = (line) => Math.min(fetched.value[at(line)]?.found ?? 0, line.quantity);
export const lacking = (line) => (fetched.value[at(line)]?.reason ? line.quantity - found(line) : 0);
export const touched = (line) => found(line) > 0 || lacking(line) > 0;
export const ended = (line) => found(line) >= line.quantity || Boolean(fetched.value[at(line)]?.reason);

const current = computed(() => (lines.value ?? []).filter((line) => ["confirmed", "picking"].includes(shown.value.get(line.reservation)?.state ?? line.state)));

// One entry for each sku at its place; the order promised first is served first.
export const stops = computed(() => {
  const places = new Map();
  for (const line of current.value) {
    const place = places.get(line.place) ?? places.set(line.place, new Map()).get(line.place);
    const stop = place.get(line.sku) ?? place.set(line.sku, { sku: line.sku, name: line.name, gtin: line.gtin, lines: [] }).get(line.sku);
    stop.lines.push(line);
  }
  return [...places].map(([place, skus]) => ({ place, skus: [...skus.values()] }));
});

export const orders = computed(() => {
  const grouped = Map.groupBy ? Map.groupBy(current.value, (line) => line.reservation) : group(current.value);
  return [...grouped].map(([id, own]) => ({ id, lines: own, card: shown.value.get(id), done: own.every(ended) && !shown.value.get(id)?.answer_by }));
});

function group(rows) {
  const grouped = new Map();
  for (const row of rows) grouped.set(row.reservation, [...(grouped.get(row.reservation) ?? []), row]);
  return grouped;
}

export async function start() {
  fetched.value = (await read("fetched")) ?? {};
  lines.value = (await read("picklist")) ?? null;
}

export async function refresh() {
  try {
    const { items } = await get(`/v1/stores/${encodeURIComponent(device.value.store)}/pick-list`);
    lines.value = items;
    unread.value = false;
    await keep("picklist", items);
    const known = new Set(items.map(at));
    const left = Object.fromEntries(Object.entries(fetched.value).filter(([name]) => known.has(name)));
    if (Object.keys(left).length !== Object.keys(fetched.value).length) note(left);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
    unread.value = true;
  }
}

function note(next) {
  fetched.value = next;
  void keep("fetched", next);
}

export function set(line, units, reason) {
  const card = shown.value.get(line.reservation);
  if (card?.state === "confirmed" && !outbox.value.some((action) => action.id === card.id)) void pick(card);
  note({ ...fetched.value, [at(line)]: { found: units, ...(reason ? { reason } : {}) } });
  const order = orders.value.find((one) => one.id === line.reservation);
  if (order?.done) placing.value = order.id;
  else if (placing.value === order?.id) placing.value = null;
}

// What was noted last of these lines is taken back: that the search is over, else one unit.
export function correct(own) {
  const line = own.findLast(touched);
  if (line) set(line, found(line) - (fetched.value[at(line)].reason ? 0 : 1));
}

// What becomes of an order with what is in the basket.
export function becomes(order) {
  const picked = (sku) => order.lines.find((line) => line.sku === sku);
  return order.card ? outcome(order.card, (line) => (picked(line.sku) ? found(picked(line.sku)) : claim(line))) : "ready_all";
}

// What a scanner read: a shelf where one is asked for, else an item. A wrong one is loud. True where an order was placed.
export function scanned(text) {
  const word = text.trim();
  const stop = itemOf(word) ?? itemOf(repairDigits(word)) ?? itemOf(repairAll(word));
  if (placing.value && !stop) return placeAt(word, isKnown);
  const line = stop?.lines.find((one) => !ended(one));
  if (!line) return wrong(stop ? say("enough_of", { name: stop.name }) : say("wrong_item"), stop ? "" : word);
  const next = found(line) + 1;
  set(line, next);
  play(placing.value === line.reservation ? "done" : "ok");
  const card = shown.value.get(line.reservation);
  last.value = { good: true, text: line.name, more: say("for_order", { name: card ? called(card) : line.order_ref, found: next, of: line.quantity }), at: Date.now() };
  return false;
}

// What was read or typed as the name of the shelf on which the order is put. `isMeant`: false of a name that is asked about.
export function placeAt(word, isMeant = () => true) {
  const order = orders.value.find((one) => one.id === placing.value);
  if (order && becomes(order) === "short_cancels") return wrong(say("place_cancels"), "");
  if (!word) return wrong(say("say_shelf"), "");
  if (!isShelf(word)) return wrong(say("not_a_shelf"), "");
  if (!isMeant(word)) {
    shelf.value = word.slice(0, 32);
    return wrong(say("new_shelf", { shelf: shelf.value }), say("new_shelf_hint"));
  }
  void place(word, bags.value);
  return true;
}

function itemOf(word) {
  return stops.value.flatMap((stop) => stop.skus).find((stop) => (stop.gtin && sameGtin(stop.gtin, word)) || stop.sku === word);
}

// A UPC of twelve digits is the EAN of thirteen with a zero before it.
const sameGtin = (one, other) => /^\d{8,14}$/.test(other) && one.padStart(14, "0") === other.padStart(14, "0");

export function wrong(text, more) {
  play("wrong");
  navigator.vibrate?.([200, 80, 200]);
  last.value = { good: false, text, more, at: Date.now() };
  return false;
}

// The order is on its shelf, with what was found.
export async function place(name, full) {
  const order = orders.value.find((one) => one.id === placing.value);
  const card = order && (told.value.get(order.id) ?? order.card);
  if (!card) return void (placing.value = null);
  const short = order.lines.filter((line) => found(line) < line.quantity);
  const said = short.map((line) => ({ sku: line.sku, found: found(line), reason: fetched.value[at(line)]?.reason ?? "not_found" }));
  placing.value = null;
  const text = await shelve(shown.value.get(card.id) ?? card, { shelf: name.slice(0, 32), bags: full, lines: said });
  last.value = { good: true, text, more: "", at: Date.now() };
}

