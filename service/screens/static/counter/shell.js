// The shell of these screens: kept for when there is no network, and renewed when nobody is at work.

import { effect } from "./dom.js";
import { connection } from "./stream.js";

const QUIET = 20_000; // milliseconds without a touch, a key or a scan
const OFTEN = 3_600_000; // milliseconds between two looks whether there is a newer one
const RENEWED = "renewed";

let touchedAt = 0;

// Keep it. A new version takes over when nobody has anything open, and nothing waits to be sent: `idle` says so. `open` says
// whether the counter is open, and is to be so afterwards.
export async function keepShell({ idle, open }) {
  if (!("serviceWorker" in navigator)) return;
  for (const kind of ["pointerdown", "keydown"]) window.addEventListener(kind, () => (touchedAt = Date.now()), { capture: true, passive: true });
  let known = navigator.serviceWorker.controller;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (known) renew(idle, open);
    known = navigator.serviceWorker.controller;
  });
  const policy = window.trustedTypes?.createPolicy("comptoir", { createScriptURL: (path) => (path === "/counter/sw.js" ? path : "") });
  const registered = await navigator.serviceWorker.register(policy ? policy.createScriptURL("/counter/sw.js") : "/counter/sw.js", { scope: "/counter" });
  const look = () => void registered?.update().catch(() => {});
  effect(() => connection.value.live && look()); // a service that was away may have come back as a newer one
  setInterval(look, OFTEN);
}

let waits = null;

function renew(idle, open) {
  touchedAt ||= Date.now();
  clearInterval(waits);
  waits = setInterval(() => {
    if (!idle() || Date.now() - touchedAt < QUIET) return;
    clearInterval(waits);
    if (open()) sessionStorage.setItem(RENEWED, "1");
    location.reload();
  }, 1000);
}

// Whether it was us who read the page anew while the counter was open.
export function wasRenewed() {
  const renewed = sessionStorage.getItem(RENEWED) !== null;
  sessionStorage.removeItem(RENEWED);
  return renewed;
}
