// The open order: who, what, where it lies, and one thing to do next.

import { html, Sign, useEffect, useRef, useState } from "./dom.js";
import { get, place, Refused, Unreachable } from "./api.js";
import { called, fullName, isOpen, units } from "./cards.js";
import { now, tick } from "./clock.js";
import { spaced } from "./codes.js";
import { canUndo, close, handOver, open, pick, proof, sheet, simply, undo } from "./deeds.js";
import { printLabel } from "./labels.js";
import { Chip, stateName } from "./lanes.js";
import { replies } from "./replies.js";
import { Sheet } from "./sheets.js";
import { day, knows, money, phone, say, span, when } from "./words.js";

function Lines({ card }) {
  return html`<ul class="lines">${card.lines.map((line) => html`<li key=${line.sku} class=${line.quantity === line.short + line.refused ? "none" : ""}>
    <span class="quantity number">${line.quantity - line.short - line.refused}<span aria-hidden="true"> ×</span></span>
    <span class="name">${line.name}<span class="sku">${line.sku}</span></span>
    ${line.short > 0 && html`<span class="chip late">${say("missing", { count: line.short })}</span>`}
    ${line.refused > 0 && html`<span class="chip">${say("refused_units", { count: line.refused })}</span>`}
    ${line.returned > 0 && html`<span class="chip">${say("returned_units", { count: line.returned })}</span>`}
  </li>`)}</ul>`;
}

// What has to be known before anything is handed over.
function Facts({ card }) {
  tick.value;
  const facts = [];
  if (isOpen(card) && card.arrived_at) facts.push(["arrived", "person", say("here_since", { span: span(now() - Date.parse(card.arrived_at)) })]);
  if (isOpen(card) && card.amount_due > 0 && card.currency) facts.push(["due", "warning", say("to_collect", { amount: money(card.amount_due, card.currency) })]);
  if (card.delegate) facts.push(["delegate", "person", say("delegate", { name: card.delegate.name })]);
  if (card.note) facts.push(["note", "message", card.note]);
  if (card.answer_by) facts.push(["wait", "clock", say("customer_is_asked", { when: when(card.answer_by, now()) })]);
  if (card.state === "collected") facts.push(["done", "check", say("was_collected", { when: when(card.collected_at, now()), how: how(card.checked_by) })]);
  if (card.put_back_at) facts.push(["done", "back", say("was_put_back", { when: when(card.put_back_at, now()) })]);
  return facts.length > 0 && html`<ul class="facts">${facts.map(([kind, sign, text]) => html`<li key=${kind} class=${kind}><${Sign} name=${sign} />${text}</li>`)}</ul>`;
}

function how(checked) {
  const name = `checked_${checked}`;
  return knows(name) ? say(name) : (checked ?? "");
}

function Place({ card }) {
  if (card.state !== "ready" && card.state !== "uncollected") return null;
  return html`<p class="place"><${Sign} name="shelf" /><strong>${card.shelf ?? say("no_shelf")}</strong><span>${say("bags", { count: card.bags ?? 1 })}</span></p>`;
}

// What they wrote back by text message: of an order that is over it is asked when it is opened.
function Replies({ card }) {
  const [all, setAll] = useState(null);
  const known = replies.value.get(card.id);
  useEffect(() => {
    if (known || isOpen(card)) return;
    get(place(card, "replies")).then((told) => setAll(told.items), (error) => { if (!(error instanceof Refused || error instanceof Unreachable)) throw error; });
  }, [card.id, known]);
  const rows = (known ?? all ?? []).filter((reply) => reply.stop || reply.body);
  if (!rows.length) return null;
  return html`<section class="replies" aria-labelledby="replies" data-testid="replies"><h3 id="replies"><${Sign} name="message" />${say("has_replied")}</h3>
    <ul>${rows.map((reply) => html`<li key=${reply.id}><span class="number">${when(reply.received_at, now())}</span><p>${reply.body}${reply.person === "delegate" && html`<small>${say("from_delegate")}</small>`}${reply.stop && html`<small>${say("wants_no_sms")}</small>`}</p></li>`)}</ul></section>`;
}

// The one thing to do next, and what may have to be done instead.
function Next({ card }) {
  tick.value;
  const due = card.amount_due > 0 && card.currency;
  const give = () => (proof.value ? handOver(card, proof.value) : (sheet.value = "recognise"));
  if (card.state === "ready") return html`<button class="button big next" data-testid="hand-over" onClick=${give}><${Sign} name="check" />${due ? say("take_money", { amount: money(card.amount_due, card.currency) }) : say("hand_over")}</button>`;
  if (card.state === "uncollected") return html`<button class="button big next" onClick=${give}>${say("hand_over_late")}</button>
    ${!card.put_back_at && html`<button class="button quiet next" onClick=${() => simply("put-back", card)}>${say("put_back")}</button>`}`;
  if (card.state === "confirmed" || card.state === "picking") return html`<button class="button big next" data-testid="shelve" onClick=${() => (sheet.value = "shelve")}><${Sign} name="shelf" />${say("make_ready")}</button>
    ${card.state === "confirmed" && html`<button class="button quiet next" onClick=${() => pick(card)}>${say("begin_picking")}</button>`}`;
  if (canUndo(card)) return html`<button class="button big quiet next" data-testid="undo-here" onClick=${() => undo({ card }, "history")}><${Sign} name="back" />${say("undo_handover")}</button>`;
  if (card.state === "cancelled" && card.ready_at && !card.put_back_at) return html`<button class="button big next" onClick=${() => simply("put-back", card)}>${say("put_back")}</button>`;
  return null;
}

function More({ card }) {
  const can = card.possible_steps;
  const acts = [
    card.state === "ready" && ["partial", "box", () => (sheet.value = "partial")],
    card.pickup_code && isOpen(card) && ["print", "printer", () => printLabel(card)],
    ["message", "message", () => (sheet.value = "message")],
    card.state === "collected" && can.includes("return") && ["return", "back", () => (sheet.value = "return")],
    isOpen(card) && ["problem", "warning", () => (sheet.value = "problem")],
  ].filter(Boolean);
  return html`<ul class="more">${acts.map(([name, sign, act]) => html`<li key=${name}><button class="button quiet" data-testid=${`act-${name}`} onClick=${act}><${Sign} name=${sign} />${say(`act_${name}`)}</button></li>`)}</ul>`;
}

// What is asked for only when somebody wants to see it: the history, what the customer was told, what they ordered before.
function Asked({ card, name, path, show, empty }) {
  const [rows, setRows] = useState(null);
  const read = async (event) => {
    if (!event.target.open) return;
    try {
      setRows((await get(place(card, path))).items);
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
      setRows(undefined);
    }
  };
  return html`<details onToggle=${read}><summary>${say(name)}</summary>
    ${rows === null ? html`<p class="empty">…</p>` : rows === undefined ? html`<p class="empty">${say("needs_network")}</p>`
      : rows.length ? html`<ol class="rows">${rows.map(show)}</ol>` : html`<p class="empty">${say(empty)}</p>`}
  </details>`;
}

const happened = (event) => {
  const name = `event_${event.type.replace("reservation.", "").replace("notification.", "message_").replace(".", "_")}`;
  return html`<li key=${event.id}><span class="number">${when(event.happened_at, now())}</span><span>${knows(name) ? say(name) : event.type}</span></li>`;
};
const sent = (message) => html`<li key=${message.id}><span class="number">${when(message.updated_at, now())}</span><span>${say(`message_${message.kind}`)} · ${say(`channel_${message.channel}`)}</span><span class=${`sent ${message.state}`}>${say(`sent_${message.state}`)}</span></li>`;
const before = (order) => html`<li key=${order.id}><span class="number">${day(order.created_at)}</span><span>${order.order_ref} · ${say("items", { count: order.units })}<br /><small>${order.store_name} · ${soldThrough(order.channel)}</small></span><span>${say(`state_${order.state}`)}</span></li>`;

// A channel of sale that a merchant named for themselves is called what they call it.
function soldThrough(channel) {
  return knows(`sold_${channel}`) ? say(`sold_${channel}`) : channel;
}

function Details({ card }) {
  return html`<div class="details">
    <${Asked} card=${card} name="details_messages" path="notifications" show=${sent} empty="no_messages" />
    <${Asked} card=${card} name="details_history" path="events" show=${happened} empty="no_history" />
    <${Asked} card=${card} name="details_earlier" path="earlier" show=${before} empty="no_earlier" />
  </div>`;
}

export function Panel() {
  const card = open.value;
  const title = useRef();
  const came = useRef(null);
  useEffect(() => {
    if (card) {
      came.current ??= document.activeElement;
      title.current?.focus({ preventScroll: true });
      performance.mark("opened");
    } else if (came.current) {
      if (came.current.isConnected) came.current.focus({ preventScroll: true });
      came.current = null;
    }
  }, [card?.id]);
  if (!card) return html`<aside class="panel empty-panel" aria-label=${say("open_order")}><${Sign} name="search" /><p>${say("scan_to_open")}</p></aside>`;
  return html`<aside class="panel" aria-labelledby="open-title" data-testid="panel" data-state=${card.state}>
    <header>
      <div><h2 id="open-title" tabindex="-1" ref=${title}>${fullName(card)}</h2>
        <p class="ref">${card.order_ref} · ${say("items", { count: units(card) })}${card.customer.phone ? ` · ${phone(card.customer.phone)}` : ""}</p></div>
      <button class="round" aria-label=${say("close")} onClick=${close}><${Sign} name="close" /></button>
    </header>
    <div class="scroll" tabindex="0" role="group" aria-label=${called(card)}>
      <div class="head"><span class="code big-code">${spaced(card.pickup_code)}</span><${Chip} card=${card} />${card.pending && html`<span class="chip pending">${say("not_sent")}</span>`}</div>
      <${Place} card=${card} />
      <${Facts} card=${card} />
      <${Replies} card=${card} key=${`replies ${card.id}`} />
      <${Lines} card=${card} />
      ${sheet.value ? html`<${Sheet} card=${card} />` : html`<${More} card=${card} /><${Details} card=${card} key=${card.id} />`}
    </div>
    ${!sheet.value && html`<footer><${Next} key=${card.state} card=${card} /></footer>`}
    <p class="visually-hidden" role="status">${fullName(card)}, ${stateName(card)}</p>
  </aside>`;
}

