// What a clerk can do, and what is open before them: found by a scan, handed over in two touches, undone with one.

import { batch, computed, effect, signal } from "./dom.js";
import { ask, get, place, post, Refused, Unreachable } from "./api.js";
import { called, find, isOpen, lanes, merge, shown, told } from "./cards.js";
import { momentOf, now, second, tick } from "./clock.js";
import { isShelf, recognise } from "./codes.js";
import { keep, read } from "./keeping.js";
import { act, once, withdraw } from "./outbox.js";
import { device } from "./session.js";
import { used } from "./shelves.js";
import { play } from "./sounds.js";
import { say, why } from "./words.js";

export const selected = signal(null); // the id of the open order
export const proof = signal(null); // the code or the token with which it was opened
export const sheet = signal(null); // what is asked about it: shelve, partial, recognise, problem, message, return …
export const query = signal("");
export const hits = signal(null); // null: nobody searches
export const searching = signal(false);
export const unanswered = signal(null); // the service was asked and did not answer: what is said of that
export const notice = signal(null); // {kind: bad | news, text, at}
export const given = signal(null); // the handover that can be taken back at a touch, until the next deed: {text, done, at}
export const room = signal("counter");
export const taken = signal(new Set()); // arrivals that somebody has taken in hand

export const open = computed(() => (selected.value ? (shown.value.get(selected.value) ?? null) : null));
export const waiting = computed(() => lanes.value.arrived.filter((card) => !taken.value.has(card.id)));

// What went wrong is said beside what can be taken back; a deed takes its place.
export function tell(kind, text) {
  notice.value = { kind, text, at: Date.now() };
  if (kind !== "bad") given.value = null;
}

const neighbours = new BroadcastChannel("comptoir");
neighbours.onmessage = ({ data }) => take(data);

// Kept on the disk, for as long as they wait.
function take(id) {
  const here = new Set(lanes.value.arrived.map((card) => card.id));
  taken.value = new Set([...[...taken.value].filter((one) => here.has(one)), id]);
  void keep("taken", [...taken.value]);
}

// Open an order; who opens one that has arrived has taken it in hand, in every window of this device.
export function openCard(card, how = null) {
  batch(() => {
    selected.value = card.id;
    proof.value = how;
    sheet.value = null;
    hits.value = null;
    query.value = "";
    notice.value = null;
    if (card.arrived_at && !taken.value.has(card.id)) {
      take(card.id);
      neighbours.postMessage(card.id);
    }
  });
}

export function close() {
  batch(() => {
    selected.value = null;
    proof.value = null;
    sheet.value = null;
  });
}

// What a scanner read, anywhere on the page. `at`: when it did, which a busy tablet may hear of late.
export async function scanned(text, at = performance.now()) {
  performance.mark("scanned");
  const said = recognise(text);
  if (said.kind === "misread") return refuse("misread", { code: said.value });
  if (said.kind === "gtin") return scannedItem(said.value);
  const exact = said.kind === "code" || said.kind === "token";
  const [found, more] = find(said);
  if (found && (exact || !more)) return opened(found, exact ? said : null, at);
  query.value = said.value;
  const mine = searches + 1;
  await search(said);
  if (mine !== searches) return undefined; // something else was read meanwhile
  if (hits.value?.length === 1) return opened(hits.value[0], exact ? said : null, at);
  if (hits.value === null || hits.value.length) return undefined;
  if (!unanswered.value) return refuse(exact ? "unknown_code" : "unknown_scan", { text: said.value });
  play("wrong");
  return tell("bad", unanswered.value);
}

const PAUSE = 1500; // milliseconds: sooner, it is the scanner that sees the same code once more
let lastRead = { value: null, at: -Infinity };

// Read once, an order opens; read once more by somebody who meant it, it is handed over: after a pause, while nothing
// else is asked about it, and nothing is to be paid.
function opened(card, said, at) {
  const how = said ? { [said.kind]: said.value } : null;
  const soon = how && lastRead.value === said.value && at - lastRead.at < PAUSE;
  lastRead = { value: said?.value, at };
  if (soon && card.state === "collected") return undefined; // it lies before the scanner still
  const isOpened = how && selected.value === card.id;
  const again = isOpened && proof.value?.[said.kind] === said.value && !soon;
  if (again && !sheet.value && !(card.amount_due > 0) && card.state === "ready") return handOver(card, how);
  if (isOpened) recognised(how);
  else openCard(card, how);
  play(card.state === "ready" ? "ok" : "wrong");
  if (card.state === "collected") tell("bad", say("collected_before"));
  else if (card.state !== "ready") tell("bad", say(`not_ready_${card.state}`));
  return undefined;
}

// The order is open already, and what was begun with it goes on; how they were recognised is asked no longer.
function recognised(how) {
  batch(() => {
    proof.value = how;
    if (sheet.value === "recognise") sheet.value = null;
    hits.value = null;
    query.value = "";
  });
  if (!sheet.value) document.getElementById("open-title")?.focus({ preventScroll: true });
}

async function scannedItem(gtin) {
  const named = (list) => {
    const orders = new Set((list ?? []).filter((line) => line.gtin === gtin || line.sku === gtin).map((line) => line.reservation));
    return [...orders].map((id) => shown.value.get(id)).filter(Boolean);
  };
  let found = named(await read("picklist"));
  try {
    if (!found.length) found = named((await get(`/v1/stores/${encodeURIComponent(device.value.store)}/pick-list`)).items);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
    return refuse("no_answer", { text: gtin });
  }
  if (!found.length) return refuse("unknown_item", { text: gtin });
  batch(() => {
    query.value = gtin;
    hits.value = found;
  });
  play("ok");
}

function refuse(why, facts) {
  play("wrong");
  tell("bad", say(why, facts));
}

let searches = 0;

// What the device finds by itself at once, and then what the service finds besides.
export async function search(said = recognise(query.value)) {
  const mine = ++searches;
  unanswered.value = null;
  if (!said.value) return void (hits.value = null);
  hits.value = find(said);
  if (said.kind === "misread" || said.value.length < 2) return;
  searching.value = true;
  try {
    const { items } = await post(`/v1/stores/${encodeURIComponent(device.value.store)}/reservations/search`, { q: said.value.slice(0, 100) });
    merge(items);
    if (mine !== searches || hits.value === null) return; // somebody has opened one meanwhile
    const known = new Set(hits.value.map((card) => card.id));
    hits.value = [...hits.value, ...items.filter((card) => !known.has(card.id))].map((card) => shown.value.get(card.id) ?? card);
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
    const stopped = error.problem?.code === "too_many_attempts";
    if (mine === searches) unanswered.value = stopped ? why(error.problem, error.status) : say("no_answer", { text: said.value });
  } finally {
    if (mine === searches) searching.value = false;
  }
}

const latest = (card) => shown.value.get(card.id) ?? card; // a finger may be quicker than the screen

// Hand over, at once; it can be taken back.
export const handOver = (card, how, lines) => once(`hand over ${card.id}`, () => handedOver(latest(card), how, lines));

async function handedOver(card, how, lines) {
  if (card.state !== "ready" && card.state !== "uncollected") return;
  const body = { ...how, ...(lines ? { lines } : {}) };
  const action = await act("collect", card, body, { match: lines ? card.version : null });
  play("done");
  batch(() => {
    close();
    query.value = "";
    hits.value = null;
    notice.value = null;
    given.value = { text: say("handed_over", { name: called(card) }), done: { card, action }, at: Date.now() };
  });
  performance.mark("handed-over");
}

export const undo = (done, reason = "undo_bar") => once(`take back ${done.card.id}`, () => undone(done, reason));

async function undone({ card, action }, reason) {
  notice.value = given.value = null;
  if (latest(card).state !== "collected") return;
  if (!canUndo(latest(card))) return refuse("why_too_late", {});
  if (!(action && (await withdraw(action)))) await act("undo", card, { reason });
  const current = shown.value.get(card.id);
  if (current) openCard(current);
  tell("news", say("undone", { name: called(card) }));
}

const UNDONE_WITHIN = 15 * 60_000; // milliseconds, after which the service refuses

const isRecent = (at) => now() - Date.parse(at) < UNDONE_WITHIN;

export function canUndo(card) {
  tick.value;
  return card.state === "collected" && card.collected_at && isRecent(card.collected_at);
}

// What can't be taken back any more is not offered, also by a tablet that has just woken.
effect(() => {
  second.value;
  if (given.value && !isRecent(momentOf(given.value.done.action))) given.value = null;
});

// True where what was read or typed as a shelf's name is somebody's code: then that is said.
export function refusesShelf(name) {
  if (isShelf(name)) return false;
  refuse("not_a_shelf", {});
  return true;
}

export async function pick(card) {
  if (latest(card).state === "confirmed") await act("pick", card, {});
}

// What was found goes on the shelf; `lines` say what was not. Ready, unless too much is missing. Gives what is told of it.
export const shelve = (card, put) => once(`put away ${card.id}`, () => putAway(card, put));

async function putAway(card, { shelf, bags, lines }) {
  await pick(card);
  const body = { ...(shelf ? { shelf } : {}), ...(bags ? { bags } : {}), ...(lines?.length ? { lines } : {}) };
  await act("shelve", card, body, { match: lines?.length ? card.version : null });
  if (shelf) used(shelf);
  play("done");
  sheet.value = null;
  const { state } = latest(card);
  const text = state === "ready" ? say(shelf ? "shelved_at" : "shelved", { name: called(card), shelf }) : say(state === "cancelled" ? "short_cancelled" : "short_asked", { name: called(card) });
  tell("news", text);
  return text;
}

export async function simply(step, card, body = {}) {
  await act(step, card, body);
  sheet.value = null;
}

const asked = signal(new Set()); // the orders of which the service is asked something right now
export const isAsked = computed(() => asked.value.has(selected.value));
const unsure = new Map(); // what was asked and may have been done: asked again, it is the same request

// What needs the service now: it is asked, and what it refuses is told. True where it was done.
export async function atOnce(card, step, body, done, method = "POST") {
  if (asked.value.has(card.id)) return false;
  const what = JSON.stringify([card.id, step, body]);
  const shownSheet = sheet.value;
  if (!unsure.has(what)) unsure.set(what, crypto.randomUUID());
  asked.value = new Set([...asked.value, card.id]);
  try {
    const answer = await ask(method, place(card, step), { body, key: method === "POST" ? unsure.get(what) : undefined });
    unsure.delete(what);
    if (answer?.version) merge([answer]);
    batch(() => {
      if (selected.value === card.id && sheet.value === shownSheet) sheet.value = null;
      tell("news", done);
    });
    return true;
  } catch (error) {
    if (error instanceof Refused && !error.passing) unsure.delete(what);
    if (error instanceof Unreachable) refuse("needs_network", {});
    else if (error instanceof Refused) refuse("refused", { text: why(error.problem, error.status) });
    else throw error;
    return false;
  } finally {
    asked.value = new Set([...asked.value].filter((id) => id !== card.id));
  }
}

export async function remember() {
  taken.value = new Set((await read("taken")) ?? []);
  const kept = (await read("queue"))?.cards ?? [];
  if (!told.value.size) merge(kept);
  let last = null;
  effect(() => {
    const cards = [...told.value.values()].filter((card) => isOpen(card) || Date.now() - Date.parse(card.updated_at) < 3_600_000);
    clearTimeout(last);
    last = setTimeout(() => void keep("queue", { cards, at: now() }), 300);
  });
}

