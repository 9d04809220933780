// Listening to the store: the queue, then every change, as the service sends them; and noticing when nothing comes.

import { signal } from "./dom.js";
import { get, Refused, Unreachable } from "./api.js";
import { now } from "./clock.js";

export const connection = signal({ live: false, since: null }); // since when we hear, or hear nothing

const SILENCE = 12_000; // a beat comes every five seconds
const AGAIN = [500, 1000, 2000, 4000, 5000];

let source = null;
let store = null;
let tell = () => {};
let lastId = null;
let heardAt = 0;
let failures = 0;
let timer = null;
let watching = null;

export function listen(to, heard) {
  store = to;
  tell = heard;
  connection.value = { live: false, since: now() };
  open();
  watching ??= setInterval(watch, 1000);
  window.addEventListener("online", () => reopen());
  document.addEventListener("visibilitychange", () => document.hidden || watch());
}

export function stop() {
  clearTimeout(timer);
  source?.close();
  source = store = lastId = null;
}

function open() {
  clearTimeout(timer);
  source?.close();
  const after = lastId === null ? "" : `?last_event_id=${encodeURIComponent(lastId)}`;
  const mine = (source = new EventSource(`/v1/stores/${encodeURIComponent(store)}/stream${after}`));
  heardAt = Date.now();
  const hear = (kind) => (event) => {
    if (mine !== source) return;
    heardAt = Date.now();
    failures = 0;
    if (!connection.value.live) connection.value = { live: true, since: now() };
    if (event.lastEventId) lastId = event.lastEventId;
    if (kind !== "beat") tell(kind, JSON.parse(event.data));
  };
  for (const kind of ["queue", "reservation", "beat"]) source.addEventListener(kind, hear(kind));
  source.addEventListener("open", () => {
    if (mine === source && lastId !== null) hear("beat")({}); // who comes back is told only what is new
  });
  source.addEventListener("error", () => mine === source && lost());
}

// The stream broke: come back to where we were, sooner at first.
function lost() {
  source?.close();
  silent();
  failures += 1;
  timer = setTimeout(open, AGAIN[Math.min(failures - 1, AGAIN.length - 1)]);
  if (failures % 4 === 1) void probe();
}

function silent() {
  if (connection.value.live || connection.value.since === null) connection.value = { live: false, since: now() };
}

// Nothing was heard for too long, whatever the browser believes: begin anew, with the whole queue.
function watch() {
  const quiet = Date.now() - heardAt; // less than nothing where the clock was set back: who knows for how long, then
  if (store === null || (quiet >= 0 && quiet < SILENCE) || source?.readyState === EventSource.CLOSED) return;
  silent();
  reopen();
}

export function reopen() {
  if (store === null) return;
  lastId = null;
  open();
}

// A stream says not why it was refused; a question does, and tells the time.
async function probe() {
  try {
    await get("/v1/device");
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
  }
}
