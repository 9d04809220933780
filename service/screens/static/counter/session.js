// Which store this device stands in, and who works at it.

import { signal } from "./dom.js";
import { get, post, ask, Refused, Unreachable, unpaired } from "./api.js";
import { forget, keep, read } from "./keeping.js";
import { rememberUs } from "./outbox.js";
import { language, speak, zone } from "./words.js";

export const device = signal(null); // {id, name, store, store_name, time_zone, clerk} as the service told it, also long ago

// Who we are, as the service says; without a network, as it said last.
export async function begin() {
  const chosen = (await read("language")) ?? document.documentElement.lang;
  if (await speak(chosen)) sessionStorage.removeItem("anew");
  else anew() || (await speak(chosen === "fr" ? "en" : "fr"));
  const known = await read("device");
  if (known) take(known);
  await refresh();
}

export async function refresh() {
  try {
    const { id, name, store, language: spoken, clerk } = await get("/v1/device");
    const known = device.value;
    if (known && known.store !== store.id) await forget();
    const found = { id, name, store: store.id, store_name: store.name, time_zone: store.time_zone, clerk };
    if (!known && !(await read("language"))) await choose(spoken);
    await keep("device", found);
    take(found);
    unpaired.value = false;
  } catch (error) {
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
  }
}

function take(found) {
  device.value = found;
  zone.value = found.time_zone ?? zone.value;
  void rememberUs(`device:${found.id}`, found.clerk?.id ?? null);
}

export async function pair(code) {
  await post("/v1/devices/claim", { code });
  await refresh();
}

export async function choose(chosen) {
  await keep("language", chosen);
  if (!(await speak(chosen))) anew();
}

// Where words are missing the files of this page are of yesterday, and those of today are elsewhere: read the page again, once.
function anew() {
  if (sessionStorage.getItem("anew")) return false;
  sessionStorage.setItem("anew", "1");
  location.reload();
  return true;
}

export async function clerks() {
  const { items } = await get(`/v1/stores/${encodeURIComponent(device.value.store)}/clerks`);
  return items.filter((clerk) => !clerk.left_at);
}

export async function enter(clerk, pin) {
  await post("/v1/clerk-session", { clerk, pin });
  await refresh();
}

export async function leave() {
  await ask("DELETE", "/v1/clerk-session");
  await refresh();
}

export const otherLanguage = () => (language.value === "fr" ? "en" : "fr");
