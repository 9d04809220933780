// The top of every staff screen: which store, who works here, live or not, and the switches.

import { html, Sign, signal, useEffect, useRef } from "./dom.js";
import { now, second, tick } from "./clock.js";
import { connection } from "./stream.js";
import { outbox } from "./cards.js";
import { conflicts, stuck } from "./outbox.js";
import { room } from "./deeds.js";
import { shortcuts } from "./keys.js";
import { choosePrinter, printer } from "./labels.js";
import { choose, device, leave, otherLanguage } from "./session.js";
import { mute, muted } from "./sounds.js";
import { language, say, span, time } from "./words.js";
import { keep } from "./keeping.js";

export const help = signal(false);
export const clerkSwitch = signal(false);
const menu = signal(false);

function Live() {
  second.value;
  const { live, since } = connection.value;
  const away = !live && since !== null && now() - since > 3000;
  const waits = outbox.value.length;
  const text = live ? say("live") : away ? say("away_since", { span: span(now() - since) }) : say("connecting");
  return html`<p class=${`live ${live ? "on" : away ? "off" : "soon"}`} role="status">
    <${Sign} name=${live ? "live" : "away"} /><span>${text}</span>${waits > 0 && html`<span class=${`count ${stuck.value.length ? "stuck" : ""}`}>${say("to_send", { count: waits })}</span>`}
  </p>`;
}

const ROOMS = [["counter", "box"], ["picking", "list"], ["history", "clock"], ["returns", "back"]];

export function go(to) {
  room.value = to;
  const path = to === "picking" ? "/counter/picking" : to === "counter" ? "/counter" : `/counter#${to}`;
  if (location.pathname + location.hash !== path) history.pushState(null, "", path);
  document.title = `${say(`room_${to}`)} · Comptoir`;
}

export function readAddress() {
  room.value = location.pathname.endsWith("/picking") ? "picking" : ["history", "returns"].find((name) => location.hash === `#${name}`) ?? "counter";
}

function Rooms({ close }) {
  return html`<nav class="rooms" aria-label=${say("rooms")}>
    ${ROOMS.map(([name, sign]) => html`<a key=${name} class="room" href=${name === "picking" ? "/counter/picking" : `/counter#${name}`}
      aria-current=${room.value === name ? "page" : undefined}
      onClick=${(event) => { event.preventDefault(); go(name); close?.(); }}><${Sign} name=${sign} /><span>${say(`room_${name}`)}</span></a>`)}
  </nav>`;
}

function Menu() {
  const dialog = useRef();
  useEffect(() => { if (menu.value) dialog.current.showModal(); }, []);
  const shut = () => (menu.value = false);
  return html`<dialog ref=${dialog} class="menu" aria-labelledby="menu-title" onClose=${shut}>
    <header><h2 id="menu-title">${say("menu")}</h2><button class="round" aria-label=${say("close")} onClick=${shut}><${Sign} name="close" /></button></header>
    <${Rooms} close=${shut} />
    <ul class="switches">
      <li><button class="button quiet" aria-pressed=${muted.value} onClick=${() => mute(!muted.value)}><${Sign} name=${muted.value ? "mute" : "sound"} />${say(muted.value ? "sound_off" : "sound_on")}</button></li>
      <li><button class="button quiet" aria-pressed=${shortcuts.value} onClick=${() => { shortcuts.value = !shortcuts.value; void keep("shortcuts", shortcuts.value); }}><${Sign} name="keyboard" />${say(shortcuts.value ? "shortcuts_on" : "shortcuts_off")}</button></li>
      <li><button class="button quiet" data-testid="printer" onClick=${() => choosePrinter(printer.value === "zpl" ? "html" : "zpl")}><${Sign} name="printer" />${say(`labels_${printer.value}`)}</button></li>
      <li><button class="button quiet" lang=${otherLanguage()} onClick=${() => choose(otherLanguage())}>${language.value === "fr" ? "English" : "Français"}</button></li>
      <li><button class="button quiet" onClick=${() => { shut(); help.value = true; }}>?<span>${say("help")}</span></button></li>
      <li><button class="button quiet" onClick=${() => { shut(); clerkSwitch.value = true; }}><${Sign} name="person" />${say(device.value?.clerk ? "change_clerk" : "choose_clerk")}</button></li>
      ${device.value?.clerk && html`<li><button class="button quiet" onClick=${() => { shut(); void leave(); }}>${say("leave")}</button></li>`}
    </ul>
  </dialog>`;
}

export function Header() {
  tick.value;
  const clerk = device.value?.clerk?.name;
  return html`<header class="top">
    <p class="shop"><strong>${device.value?.store_name ?? "Comptoir"}</strong>${clerk && html`<span>${clerk}</span>`}</p>
    <${Rooms} />
    <${Live} />
    <p class="clock number">${time(new Date(now()).toISOString())}</p>
    <button class="round" aria-pressed=${muted.value} aria-label=${say("mute")} onClick=${() => mute(!muted.value)}><${Sign} name=${muted.value ? "mute" : "sound"} /></button>
    <button class="round" aria-haspopup="dialog" aria-label=${say("menu")} onClick=${() => (menu.value = true)}><${Sign} name="list" />${conflicts.value.length + stuck.value.length > 0 && html`<span class="dot"></span>`}</button>
    ${menu.value && html`<${Menu} />`}
  </header>`;
}
