// What is done here goes to the disk of the device first, then to the service: once, in order, also after a reload and after
// hours without a network. What the service refuses is set aside to be looked at; it is never lost.

import { batch, computed, signal } from "./dom.js";
import { get, place, post, Refused, Unreachable } from "./api.js";
import { merge, outbox, shown, told } from "./cards.js";
import { isSure, moment, momentOf, now } from "./clock.js";
import { all, change, keep, put, read, remove, setAside } from "./keeping.js";

export const conflicts = signal([]); // {number, id, card, actions: […], status, problem, at}
export const sending = signal(false);
export const stuck = computed(() => outbox.value.filter((action) => (action.faults ?? 0) >= HARD)); // to be looked at, and tried on

const AGAIN = [1000, 2000, 5000, 10_000, 15_000];
const HARD = 3; // attempts that the service could not serve, after which somebody is told
const UNCERTAIN = 3000; // milliseconds after which somebody who hands over "again" was somebody else

let failures = 0;
let patience = 0; // milliseconds that the service asked us to wait
let retrying = null;
let clerk = null; // who works here, by whom it was done also where others work here when it goes
let listener = () => {};

export async function start(heard) {
  listener = heard;
  outbox.value = await all("outbox");
  conflicts.value = await all("conflicts");
  window.addEventListener("online", () => void flush());
  await flush();
}

const underWay = new Map();

// A deed that is under way is not begun a second time, however often it is asked for.
export function once(name, deed) {
  if (!underWay.has(name)) underWay.set(name, deed().finally(() => underWay.delete(name)));
  return underWay.get(name);
}

// Do something to an order, at once for whoever looks, and for the service as soon as it can be. The same once more, with
// nothing in between, is what waits already.
export const act = (step, card, body, options) => once(`${step} ${card.id}`, () => noted(step, card, body, options));

async function noted(step, card, body, { match } = {}) {
  const own = outbox.value.filter((action) => action.id === card.id);
  const waits = own.length > 0;
  if (own.at(-1)?.step === step && JSON.stringify(own.at(-1).said) === JSON.stringify(body)) return own.at(-1);
  const action = {
    store: card.store, id: card.id, step, body, said: body, card: told.value.get(card.id) ?? card, at: moment(), clock: isSure() ? null : Date.now(), clerk,
    key: crypto.randomUUID(), match: match && !waits ? match : null, attempts: 0,
  };
  action.number = await put("outbox", action);
  outbox.value = [...outbox.value, action];
  void flush();
  return action;
}

// Take back what was never sent; false where it may have reached the service.
export async function withdraw(action) {
  const own = outbox.value.filter((one) => one.id === action.id);
  const same = own.slice(own.findLastIndex((one) => one.step !== action.step) + 1); // nothing was done upon them
  const gone = [];
  for (const { number } of same) {
    await change("outbox", number, (kept) => (kept.attempts ? undefined : (gone.push(number), null)));
  }
  outbox.value = outbox.value.filter((one) => !gone.includes(one.number));
  return gone.length > 0 && gone.length === same.length;
}

// One at a time, in every tab together: the lock is the browser's.
export async function flush() {
  clearTimeout(retrying);
  if (!outbox.value.length || sending.value) return;
  await navigator.locks.request("comptoir-outbox", { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    sending.value = true;
    try {
      await sync();
      failures = (await knowsTime()) && (await round()) ? 0 : failures + 1;
    } finally {
      sending.value = false;
    }
  });
  if (outbox.value.length) retrying = setTimeout(() => void flush(), Math.max(AGAIN[Math.min(failures, AGAIN.length - 1)], patience));
}

// Whether what goes now can be dated: a page that was opened without a network asks first. False where nobody answers.
async function knowsTime() {
  if (isSure()) return true;
  try {
    await get("/v1/device");
  } catch (error) {
    if (error instanceof Unreachable) return false;
    if (!(error instanceof Refused)) throw error;
  }
  return true;
}

// The deeds of an order go in their order, and one that fails holds up no other order. Whether none is held up.
async function round() {
  const held = new Set();
  for (;;) {
    const action = next(held);
    if (!action) return held.size === 0;
    const went = await send(action);
    if (went === "away") return false;
    if (went === "held") held.add(action.id);
  }
}

// The oldest, but what failed again and again comes after what did not.
function next(held) {
  const hard = (action) => Math.floor(action.attempts / HARD);
  return firsts()
    .filter((action) => !held.has(action.id))
    .sort((a, b) => hard(a) - hard(b) || a.number - b.number)[0];
}

const firsts = () => [...new Map([...outbox.value].reverse().map((action) => [action.id, action])).values()];

// Another tab may have sent some meanwhile.
async function sync() {
  const kept = await all("outbox");
  if (kept.length !== outbox.value.length) outbox.value = kept;
}

// It is dated when it goes for the first time; from then on it may have been received, and is said again as it was. By whom
// and what was known of the order then, in case that this device is another one to the service before the answer came.
function attempted(action, us) {
  const begun = { ...action, attempts: action.attempts + 1 };
  if (action.attempts) return begun;
  const at = [momentOf(action), moment()].sort()[0]; // our clock may have been put right since
  const version = told.value.get(action.id)?.version ?? action.card.version;
  return { ...begun, at, clock: null, by: us, version, body: { ...action.body, happened_at: at, clerk: action.clerk } };
}

// What became of it: it went, it is held up alone, or the service is away from all of them.
async function send(action) {
  let begun = null;
  const us = await read("actor");
  await change("outbox", action.number, (kept) => (begun = attempted(kept, us)));
  outbox.value = outbox.value.flatMap((one) => (one.number === action.number ? (begun ?? []) : one));
  if (!begun) return "gone"; // it was taken back, or another tab has sent it
  const match = begun.by === us ? begun.match : begun.version; // who was paired anew has no first answers: done, and undone since?
  try {
    const card = await post(place(begun, begun.step), begun.body ?? {}, { key: begun.key, match });
    await remove("outbox", begun.number);
    batch(() => {
      outbox.value = outbox.value.filter((one) => one.number !== begun.number);
      merge([card]);
    });
    patience = 0;
    await wasItUs(begun, card);
    listener({ kind: "done", action: begun, card });
    return "gone";
  } catch (error) {
    if (error instanceof Unreachable) return "away";
    if (!(error instanceof Refused)) throw error;
    patience = error.after * 1000;
    if (error.status === 401 || error.status === 429) return "away";
    if (error.passing) return await heldUp(begun);
    await refused(begun, error);
    return "gone";
  }
}

async function heldUp(action) {
  const counted = { ...action, faults: (action.faults ?? 0) + 1 };
  await change("outbox", action.number, () => counted);
  outbox.value = outbox.value.map((one) => (one.number === action.number ? counted : one));
  return "held";
}

// An order that was handed over by somebody else before, and here too: two people may have left with one order.
async function wasItUs(action, card) {
  if (action.step !== "collect" || card.applied || !card.first_applied) return;
  const mine = action.by && card.first_applied.by.startsWith(action.by);
  if (mine && Math.abs(Date.parse(card.first_applied.at) - Date.parse(action.at)) < UNCERTAIN) return;
  if (mine && action.attempts > 1) return; // the answer of our first attempt was lost
  await setBeside([action], 200, { code: "handed_over_before", by: card.first_applied.by, at: card.first_applied.at });
}

async function refused(action, error) {
  const same = outbox.value.filter((one) => one.id === action.id); // what builds upon it goes nowhere either
  await setBeside(same, error.status, error.problem);
  try {
    merge([await get(place(action))]);
  } catch (problem) {
    if (!(problem instanceof Refused || problem instanceof Unreachable)) throw problem;
  }
}

async function setBeside(actions, status, problem) {
  const [first] = actions;
  const conflict = { number: first.number, id: first.id, store: first.store, card: shown.value.get(first.id) ?? first.card, actions, status, problem, at: new Date(now()).toISOString() };
  const numbers = actions.map((action) => action.number);
  await setAside(conflict, numbers);
  batch(() => {
    outbox.value = outbox.value.filter((one) => !numbers.includes(one.number));
    conflicts.value = [...conflicts.value.filter((one) => one.number !== conflict.number), conflict];
  });
  listener({ kind: "conflict", conflict });
}

// Somebody looked at it, and it is all right now.
export async function settle(conflict) {
  await remove("conflicts", conflict.number);
  conflicts.value = conflicts.value.filter((one) => one.number !== conflict.number);
}

export function rememberUs(actor, worker) {
  clerk = worker;
  return keep("actor", actor);
}
