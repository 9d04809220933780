// The staff's screens, put together: what is heard, what is pressed, what is shown.

import { computed, effect, html, render, Sign, useRef } from "./dom.js";
import { clerkLeft, unpaired } from "./api.js";
import * as basket from "./basket.js";
import { Camera, looking, prepare } from "./camera.js";
import { called, forget, isOpen, merge, outbox as unsent, queueAt, replace } from "./cards.js";
import * as clock from "./clock.js";
import { mended } from "./codes.js";
import { close, given, handOver, hits, open, proof, query, refusesShelf, remember, room, scanned, search, selected, sheet, tell, waiting } from "./deeds.js";
import { Clerk, dims, Help, opened, openCounter, Opening, Pairing } from "./doors.js";
import { clerkSwitch, Header, help, readAddress } from "./header.js";
import { forgetOrders, read } from "./keeping.js";
import * as keys from "./keys.js";
import * as labels from "./labels.js";
import { Conflicts, Hits, Lanes } from "./lanes.js";
import { Past, Returns, scannedReturn } from "./lists.js";
import { Notices } from "./notices.js";
import * as outbox from "./outbox.js";
import { Panel } from "./panel.js";
import { Picking } from "./picking.js";
import { DONE, echoes, isEcho, TWICE } from "./reads.js";
import * as replies from "./replies.js";
import * as session from "./session.js";
import { keepShell, wasRenewed } from "./shell.js";
import * as shelves from "./shelves.js";
import * as sounds from "./sounds.js";
import { connection, listen, stop } from "./stream.js";
import * as touches from "./touches.js";
import { say } from "./words.js";

const INSISTS = 20_000; // milliseconds between two chimes while somebody waits

function Field() {
  const field = useRef();
  const typing = (event) => {
    query.value = event.target.value;
    void search();
  };
  const submit = (event) => {
    event.preventDefault();
    if (query.value.trim()) void scanned(query.value);
  };
  return html`<form class="find" role="search" onSubmit=${submit}>
    <label class="visually-hidden" for="find">${say("find")}</label><${Sign} name="search" />
    <input id="find" type="search" ref=${field} data-testid="find" autocomplete="off" autocapitalize="off" spellcheck=${false} enterkeyhint="search" maxlength="100" placeholder=${say("find_hint")} value=${query.value} onInput=${typing} />
    <button type="button" class="round" aria-label=${say("camera")} onClick=${() => (looking.value = true)}><${Sign} name="camera" /></button>
  </form>`;
}

function Away() {
  clock.second.value;
  const { live, since } = connection.value;
  if (live || since === null || clock.now() - since < 3000) return null;
  return html`<p class="away" role="status"><${Sign} name="away" />${say("away_hint")}</p>`;
}

function Counter() {
  const body = room.value === "history" ? html`<${Past} />` : room.value === "returns" ? html`<${Returns} />` : html`<${Lanes} />`;
  return html`<main id="main" class=${`counter ${open.value ? "with-panel" : ""}`}>
    <h1 class="visually-hidden">${say(`room_${room.value}`)}</h1>
    <div class="left"><${Field} /><${Away} /><${Conflicts} />${hits.value ? html`<${Hits} />` : body}</div><${Panel} />
  </main>`;
}

function App() {
  if (unpaired.value && !session.device.value) return html`<${Pairing} />`;
  if (!session.device.value) return html`<main class="door" id="main"><p role="status">${say("connecting")}</p></main>`;
  if (unpaired.value) return html`<${Pairing} />`;
  if (!opened.value) return html`<${Opening} />`;
  return html`<a class="skip visually-hidden" href="#main">${say("skip")}</a><${Header} />
    ${room.value === "picking" ? html`<${Picking} />` : html`<${Counter} />`}<${Notices} />
    ${(sounds.silent.value || dims.value) && html`<p class="dims">${sounds.silent.value ? say("tap_for_sound") : say("may_dim")}</p>`}
    ${looking.value && room.value !== "picking" && html`<${Camera} scanned=${heard} failed=${() => tell("bad", say("no_camera"))} />`}${help.value && html`<${Help} />`}${clerkSwitch.value && html`<${Clerk} />`}`;
}

// What a scanner read means what the room makes of it; it opens the counter too.
function heard(text, at) {
  if (!opened.value) void openCounter({ whole: false });
  if (!session.device.value) return undefined;
  if (isEcho(text, at)) return undefined;
  if (room.value === "picking") return echoes(basket.scanned(text) ? DONE : TWICE);
  if (sheet.value === "shelve" && document.querySelector("input[name=shelf]")) return fillShelf(text);
  return room.value === "returns" && scannedReturn(text) ? echoes(DONE) : void scanned(text, at);
}

function fillShelf(text) {
  if (refusesShelf(text)) return undefined;
  const field = document.querySelector("input[name=shelf]");
  field.value = text.trim().slice(0, 32);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  echoes(DONE);
  if (!shelves.isKnown(field.value)) {
    sounds.play("wrong");
    return tell("bad", `${say("new_shelf", { shelf: field.value })} ${say("new_shelf_hint")}`);
  }
  sounds.play("ok");
  return void setTimeout(() => field.form.requestSubmit(), 0);
}

const PRESSED = {
  "/": () => document.getElementById("find")?.focus() ?? true,
  "?": () => (help.value = true),
};

// With Alt, for a letter alone may be the beginning of a name: what is done to the open order.
const HELD = {
  r: (card) => card.state === "ready" && (!proof.value ? (sheet.value = "recognise") : card.amount_due > 0 ? document.querySelector("[data-testid=hand-over]")?.focus() : void handOver(card, proof.value)),
  p: (card) => card.pickup_code && isOpen(card) && labels.printLabel(card),
};

// A single key, where it means something here.
function pressed(key) {
  if (!opened.value || document.querySelector("dialog[open]")) return true;
  return PRESSED[key]?.() !== undefined;
}

function held(key) {
  if (!opened.value || !open.value || sheet.value || !HELD[key] || document.querySelector("dialog[open]")) return false;
  HELD[key](open.value);
  return true;
}

function typed(text) {
  const field = document.getElementById("find");
  if (!field || document.querySelector("dialog[open]")) return null;
  field.focus();
  field.value += text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  return field;
}

// Escape closes the innermost; the arrows walk through the orders.
function moved(event) {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    if (sheet.value) sheet.value = null;
    else if (selected.value) close();
    else if (hits.value) [query.value, hits.value] = ["", null];
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const orders = [...document.querySelectorAll(".left button.order, .left button.hit")];
  const here = orders.indexOf(document.activeElement);
  const isField = document.activeElement?.id === "find";
  if (!orders.length || (here < 0 && keys.isTyping(document.activeElement) && !isField)) return;
  event.preventDefault();
  orders.at(event.key === "ArrowDown" ? (here + 1) % orders.length : Math.max(here - 1, -1))?.focus();
}

function changed(kind, told) {
  if (kind === "queue") {
    const first = queueAt.value === null;
    const { news } = replace(told.items);
    if (!first) ring(news); // what came while nobody told us
    return replies.refresh();
  }
  const news = merge([told]);
  if (!news.length) replies.refresh(); // it is no newer: something was written back about it
  return ring(news);
}

function ring(news) {
  if (news.some(({ before, card }) => card.state === "confirmed" && before?.state !== "confirmed")) sounds.play("order");
  if (news.some(({ before, card }) => isOpen(card) && card.arrived_at && !before?.arrived_at)) sounds.play("arrival");
}

function insist() {
  let chime = null;
  const latest = computed(() => waiting.value.at(-1)?.id); // whatever else changes in the shop, they wait all the same
  effect(() => {
    clearInterval(chime);
    if (latest.value) chime = setInterval(() => sounds.play("arrival"), INSISTS);
  });
  let before = null;
  effect(() => {
    const { live } = connection.value;
    if (before === true && !live) sounds.play("away");
    before = live;
  });
}

function watchOutbox({ kind, conflict }) {
  if (kind !== "conflict") return;
  sounds.play("wrong");
  if (given.value?.done.card.id === conflict.id) given.value = null; // it is a card to be looked at now
  tell("bad", say("conflict_came", { name: conflict.card ? called(conflict.card) : "" }));
}

// Whether nobody is at work, and nothing is lost when the page is read anew.
function idle() {
  const busy = selected.value || hits.value || query.value || unsent.value.length || basket.placing.value || basket.asking.value;
  return !busy && !looking.value && !document.querySelector("dialog[open]") && !keys.isTyping(document.activeElement);
}

async function begin() {
  await clock.start();
  readAddress();
  window.addEventListener("popstate", readAddress);
  await session.begin();
  await Promise.all([sounds.start(), labels.start(), remember(), basket.start(), shelves.start(), replies.start()]);
  keys.shortcuts.value = (await read("shortcuts")) ?? true;
  keys.start({ scanned: (text, fast, at) => heard(fast ? mended(text) : text, at), pressed, held, typed });
  document.addEventListener("keydown", moved);
  touches.start();
  if (wasRenewed()) void openCounter({ whole: false });
  render(html`<${App} />`, document.getElementById("app"));
  insist();
  effect(() => (keys.shortest.value = sheet.value === "shelve" || basket.placing.value ? 2 : 4)); // shelves have short names
  effect(() => {
    room.value;
    looking.value = false; // who looked there does not look here
  });
  effect(() => clerkLeft.value && void session.refresh());
  effect(() => {
    if (!unpaired.value) return;
    stop();
    forget();
    void forgetOrders();
  });
  let listening = null;
  effect(() => {
    const store = session.device.value?.store;
    if (!store || unpaired.value || listening === store) return;
    listening = store;
    listen(store, changed);
    void outbox.start(watchOutbox);
  });
  prepare();
  await keepShell({ idle, open: () => opened.value }).catch(() => {});
}

void begin();
