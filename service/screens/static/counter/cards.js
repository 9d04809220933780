// The orders as this device knows them: what the service told, by version only, and upon it what was done here and is not
// sent yet.

import { batch, computed, signal } from "./dom.js";
import { momentOf, now, tick } from "./clock.js";

export const told = signal(new Map()); // id → the reservation as the service told it last
export const outbox = signal([]); // what was done here and has no answer yet, in order
export const queueAt = signal(null); // when the last full queue came

const OPEN = new Set(["confirmed", "picking", "ready"]);
const KEPT = 2000; // orders remembered at most

export const isOpen = (card) => OPEN.has(card.state);

// Take what the service tells; what is not newer than what we have is no news.
export function merge(cards) {
  const next = new Map(told.value);
  const news = [];
  for (const card of cards) {
    const known = next.get(card.id);
    if (known && known.version >= card.version) continue;
    next.delete(card.id);
    next.set(card.id, card);
    news.push({ before: known ?? null, card });
  }
  if (news.length) told.value = trimmed(next);
  return news;
}

export function forget() {
  told.value = new Map();
}

// Take a whole queue: what we hold for open and it does not name is open no longer.
export function replace(cards) {
  const named = new Set(cards.map((card) => card.id));
  return batch(() => {
    const gone = [...told.value.values()].filter((card) => isOpen(card) && !named.has(card.id));
    if (gone.length) {
      const next = new Map(told.value);
      for (const card of gone) next.delete(card.id);
      told.value = next;
    }
    queueAt.value = now();
    return { news: merge(cards), gone };
  });
}

function trimmed(cards) {
  if (cards.size <= KEPT) return cards;
  const next = new Map(cards);
  for (const card of cards.values()) {
    if (next.size <= KEPT) break;
    if (!isOpen(card)) next.delete(card.id);
  }
  return next;
}

// What a step done here will have made of an order.
const EFFECTS = {
  pick: () => ({ state: "picking" }),
  shelve: (card, body, at) => {
    const lines = card.lines.map((line) => {
      const found = body.lines?.find((one) => one.sku === line.sku);
      return found ? { ...line, short: line.short + claim(line) - found.found } : line;
    });
    const put = { lines, shelf: body.shelf ?? card.shelf, bags: body.bags ?? card.bags };
    if (!body.lines?.length) return { ...put, state: "ready", ready_at: at, answer_by: null };
    if (card.if_short === "cancel" || lines.every((line) => !claim(line))) return { lines, state: "cancelled" };
    return card.if_short === "ask" && !card.answer_by ? { ...put, answer_by: at } : { ...put, state: "ready", ready_at: at, answer_by: null };
  },
  unshelve: () => ({ state: "picking", ready_at: null }),
  collect: (card, body, at) => ({
    state: "collected", collected_at: at, checked_by: body.checked_by ?? (body.code ? "code" : "token"),
    lines: card.lines.map((line) => {
      const claim = line.quantity - line.short - line.refused;
      const taken = body.lines?.find((one) => one.sku === line.sku)?.taken ?? claim;
      return { ...line, collected: taken, refused: line.refused + claim - taken };
    }),
  }),
  undo: (card) => ({ state: "ready", collected_at: null, checked_by: null, lines: card.lines.map((line) => ({ ...line, collected: 0 })) }),
  arrive: (_card, _body, at) => ({ arrived_at: at }),
  "put-back": (_card, _body, at) => ({ put_back_at: at }),
};

function foreseen(card, action) {
  const effect = EFFECTS[action.step];
  return effect ? { ...card, ...effect(card, action.body ?? {}, momentOf(action)), pending: true } : card;
}

export const shown = computed(() => {
  if (!outbox.value.length) return told.value;
  const next = new Map(told.value);
  for (const action of outbox.value) {
    const card = next.get(action.id) ?? action.card;
    if (card) next.set(action.id, foreseen(card, action));
  }
  return next;
});

const by = (name) => (a, b) => (a[name] ?? "9").localeCompare(b[name] ?? "9") || a.id.localeCompare(b.id);

export const lanes = computed(() => {
  const open = [...shown.value.values()].filter(isOpen);
  return {
    arrived: open.filter((card) => card.arrived_at).sort(by("arrived_at")),
    preparing: open.filter((card) => !card.arrived_at && card.state !== "ready").sort(by("ready_by")),
    ready: open.filter((card) => !card.arrived_at && card.state === "ready").sort((a, b) => (b.ready_at ?? "").localeCompare(a.ready_at ?? "")),
  };
});

export function lateness(card) {
  tick.value;
  return card.state !== "ready" && card.ready_by ? Math.max(0, now() - Date.parse(card.ready_by)) : 0;
}

export const units = (card) => card.lines.reduce((sum, line) => sum + line.quantity - line.short - line.refused, 0);
export const takesAll = (card) => card.lines.filter((line) => claim(line) > 0);
export const claim = (line) => line.quantity - line.short - line.refused - line.collected;

// What becomes of an order of which `found(line)` units of each line lie there: the word for it is on the button.
export function outcome(card, found) {
  const lines = takesAll(card);
  if (lines.every((line) => found(line) >= claim(line))) return "ready_all";
  if (card.if_short === "cancel" || lines.every((line) => !found(line))) return "short_cancels";
  return card.if_short === "ask" && !card.answer_by ? "short_asks" : "ready_short";
}

// A name as it may be read over the counter by who stands behind: the first name, and the initial of the last.
export function called(card) {
  const words = (card.customer.name ?? "").trim().split(/\s+/).filter(Boolean);
  if (!words.length) return card.order_ref;
  return words.length === 1 ? words[0] : `${words[0]} ${words.at(-1)[0].toUpperCase()}.`;
}

// The end of an order's reference, as the board calls it out: it tells two people of one name apart.
export function number(card) {
  const symbols = [...card.order_ref];
  const said = symbols.filter((symbol) => /[\p{L}\p{N}]/u.test(symbol));
  return said.length ? said.slice(-4).join("").toUpperCase() : symbols.slice(-4).join("");
}

export const fullName = (card) => card.customer.name ?? card.order_ref;

export const tokenOf = (card) => card.pickup_url?.split("/").at(-1)?.toUpperCase() ?? null;

const plain = (text) => (text ?? "").normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

// What this device finds by itself, also without a network; the best first.
export function find(said) {
  const cards = [...shown.value.values()];
  if (said.kind === "code") return cards.filter((card) => card.pickup_code === said.value);
  if (said.kind === "token") return cards.filter((card) => tokenOf(card) === said.value);
  const piece = plain(said.value);
  if (!piece) return [];
  const digits = /[a-z]/.test(piece) ? "" : piece.replace(/\D/g, "").replace(/^0+/, "");
  const hits = cards.filter(
    (card) =>
      plain(card.customer.name).includes(piece) || plain(card.delegate?.name).includes(piece) || plain(card.order_ref).includes(piece) ||
      (card.pickup_code ?? "").startsWith(piece.toUpperCase().replace(/[\s-]/g, "")) ||
      (digits.length >= 4 && ((card.customer.phone ?? "").endsWith(digits) || (card.delegate?.phone ?? "").endsWith(digits))),
  );
  return hits.sort((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || b.id.localeCompare(a.id));
}
