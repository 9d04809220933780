// What is over: the history of 30 days, and what goes back to its shelves because nobody came.

import { html, Sign, signal, useEffect, useRef, useState } from "./dom.js";
import { get, Refused, Unreachable } from "./api.js";
import { called, fullName, isOpen, merge, shown, told, units } from "./cards.js";
import { now } from "./clock.js";
import { canUndo, openCard, selected, simply, tell, undo } from "./deeds.js";
import { Chip } from "./lanes.js";
import { recognise } from "./codes.js";
import { device } from "./session.js";
import { play } from "./sounds.js";
import { connection } from "./stream.js";
import { say, when } from "./words.js";

const SOON = 500; // milliseconds after a change in which what is listed is read again

const store = () => `/v1/stores/${encodeURIComponent(device.value.store)}`;

// The ids of what was listed; what stands there is told by the orders themselves, as they change.
function useListed(path) {
  const [ids, setIds] = useState(null);
  const [more, setMore] = useState(null);
  const [unread, setUnread] = useState(false);
  const longer = useRef(false); // somebody asked for earlier ones: they stay
  const read = async (before) => {
    try {
      const listed = await get(`${store()}/${path}${before ? `?before=${encodeURIComponent(before)}` : ""}`);
      merge(listed.items);
      const found = listed.items.map((card) => card.id);
      longer.current ||= Boolean(before);
      setIds((known) => (before ? [...known, ...found] : longer.current ? [...found, ...known.filter((id) => !found.includes(id))] : found));
      if (before || !longer.current) setMore(listed.next_before ?? null);
      setUnread(false);
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
      setUnread(true);
    }
  };
  useEffect(() => void read(), [path, connection.value.live]);
  useEffect(() => {
    const again = setTimeout(() => ids && void read(), SOON);
    return () => clearTimeout(again);
  }, [told.value]);
  return { cards: ids?.map((id) => shown.value.get(id)).filter((card) => card && !isOpen(card)) ?? null, more: more && (() => read(more)), unread };
}

// An empty list is said to be one only where the service has said so.
function Nothing({ cards, unread, name }) {
  if (unread) return html`<p class="empty" role="status">${say("list_unknown")}</p>`;
  return cards?.length ? null : html`<p class="empty">${cards ? say(name) : "…"}</p>`;
}

function Row({ card, children }) {
  return html`<li class="past"><button class="hit" aria-current=${selected.value === card.id ? "true" : undefined} onClick=${() => openCard(card)}>
    <span class="who">${fullName(card)}</span><span class="ref">${card.order_ref} · ${say("items", { count: units(card) })}</span>
    <span class="code">${card.shelf ?? ""}</span><span class="what">${when(card.collected_at ?? card.updated_at, now())}</span><${Chip} card=${card} />
  </button>${children}</li>`;
}

export function Past() {
  const { cards, more, unread } = useListed("history");
  return html`<section class="hits" aria-labelledby="past"><h2 id="past">${say("room_history")} <small>${say("thirty_days")}</small></h2>
    <${Nothing} cards=${cards} unread=${unread} name="nothing_past" />
    ${cards?.length > 0 && html`<ul>${cards.map((card) => html`<${Row} key=${card.id} card=${card}>
      ${canUndo(card) && html`<button class="button quiet" data-testid="history-undo" onClick=${() => undo({ card }, "history")}><${Sign} name="back" />${say("undo_handover")}</button>`}
    <//>`)}</ul>`}
    ${more && html`<p class="buttons"><button class="button quiet" onClick=${more}>${say("earlier_ones")}</button></p>`}
  </section>`;
}

const returning = signal(null); // what was listed last, also while what is typed hides it

export function Returns() {
  const { cards, unread } = useListed("put-back");
  const left = cards?.filter((card) => !card.put_back_at) ?? null;
  returning.value = left;
  return html`<section class="hits" aria-labelledby="returns"><h2 id="returns">${say("room_returns")} <small>${say("returns_hint")}</small></h2>
    <${Nothing} cards=${left} unread=${unread} name="nothing_to_return" />
    ${left?.length > 0 && html`<ul>${left.map((card) => html`<${Row} key=${card.id} card=${card}>
      <button class="button" data-testid="put-back" onClick=${() => putBack(card)}><${Sign} name="check" />${say("put_back")}</button>
    <//>`)}</ul>`}
  </section>`;
}

async function putBack(card) {
  await simply("put-back", card);
  play("ok");
  tell("news", say("was_returned", { name: called(card) }));
}

// A scan of its label says that a bag is back on its shelves; true where it was one of them.
export function scannedReturn(text) {
  const said = recognise(text);
  const card = said.kind === "code" && returning.value?.find((one) => one.pickup_code === said.value);
  if (!card || shown.value.get(card.id)?.put_back_at) return false;
  void putBack(card);
  return true;
}
