// Follows a store's board: every change is the whole board, so that nothing can be missed, only late.
"use strict";

const SILENCE = 12_000; // milliseconds without a beat after which the stream is taken for dead
const FRESH = 30_000; // milliseconds for which an order that has just become ready stands out
const main = document.querySelector("main");
const live = document.querySelector(".live");
const clock = document.querySelector(".clock");
const sound = document.querySelector(".sound");
const french = document.documentElement.lang === "fr";
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: clock.dataset.zone });

let source, follows = false, askedAt = 0, heardAt = Date.now(), known = null, audio = null, ahead = 0;
const freshUntil = new Map();

const name = (order) => `${order.number} ${order.name ?? ""} ${order.ready_at ?? ""}`;

function listen() {
  source?.close();
  askedAt = Date.now();
  heardAt = Math.min(heardAt, askedAt);
  setClock();
  source = new EventSource(main.dataset.stream);
  source.addEventListener("board", (event) => { heard(); show(JSON.parse(event.data)); });
  source.addEventListener("beat", heard);
  source.addEventListener("error", lost);
}

function heard() {
  heardAt = Date.now();
  follows = true;
  tell();
}

function lost() {
  follows = false;
  tell();
}

// Whether what is on the screen is so, always to be seen. What came with the page is so for a moment, until it is followed.
function tell() {
  const silent = Date.now() - heardAt > SILENCE, minutes = Math.floor((Date.now() - heardAt) / 60_000);
  const state = follows && !silent ? "live" : known || silent ? "away" : "opening";
  live.dataset.state = state;
  const text = state !== "away" ? live.dataset[state] : minutes ? live.dataset.away.replace("{minutes}", minutes) : live.dataset.now;
  if (live.textContent !== text) live.textContent = text;
}

function show(board) {
  const ready = new Set(board.ready.map(name));
  const news = board.ready.filter((order) => known ? !known.has(name(order)) : Date.now() + ahead - Date.parse(order.ready_at) < FRESH);
  for (const order of news) freshUntil.set(name(order), Date.now() + FRESH);
  for (const one of freshUntil.keys()) if (!ready.has(one)) freshUntil.delete(one);
  if (known && news.length) ring();
  known = ready;
  for (const lane of ["preparing", "ready"]) fill(document.querySelector(`.lane.${lane}`), board[lane]);
}

function fill(lane, orders) {
  const list = lane.querySelector("ul");
  list.replaceChildren(...orders.map((order) => {
    const line = document.createElement("li"), number = document.createElement("b"), who = document.createElement("span");
    number.textContent = order.number;
    who.textContent = order.name ?? "";
    line.append(number, " ", who);
    line.dataset.name = name(order);
    line.classList.toggle("fresh", freshUntil.has(name(order)));
    return line;
  }));
  lane.querySelector(".none").hidden = orders.length > 0;
  fit(lane, list);
}

// As large as the screen has room for; what still does not fit is counted.
function fit(lane, list) {
  const more = lane.querySelector(".more");
  more.hidden = true;
  const cut = () => list.scrollHeight > list.clientHeight + 1 || [...list.querySelectorAll("span")].some((who) => who.scrollWidth > who.clientWidth + 1);
  for (let size = 1.8; size > 0.6; size -= 0.1) {
    lane.style.setProperty("--size", size.toFixed(1));
    if (!cut()) break;
  }
  const lines = [...list.children];
  const below = lines.filter((line) => line.offsetTop + line.offsetHeight > list.offsetTop + list.clientHeight + 1).length;
  if (!below || getComputedStyle(document.body).overflow !== "hidden") return;
  more.hidden = false;
  more.textContent = list.dataset.more.replace("{count}", below);
}

function ring() {
  if (audio?.state !== "running") return;
  for (const [at, pitch] of [[0, 659], [0.18, 880]]) {
    const tone = audio.createOscillator(), volume = audio.createGain(), begin = audio.currentTime + at;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, begin);
    volume.gain.linearRampToValueAtTime(0.25, begin + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, begin + 0.5);
    tone.connect(volume).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + 0.55);
  }
}

sound.hidden = false;
sound.addEventListener("click", () => {
  audio = new AudioContext();
  sound.hidden = true;
  ring();
});

async function setClock() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    ahead = Date.parse(answer.headers.get("Date")) - Date.now();
  } catch { /* its own clock, then */ }
}

function tick() {
  const [hour, minute] = time.format(Date.now() + ahead).split(":");
  clock.textContent = french ? `${Number(hour)}\u00a0h\u00a0${minute}` : `${hour}:${minute}`;
  tell();
  const quiet = Date.now() - Math.max(heardAt, askedAt);
  if (quiet > SILENCE || quiet < 0) listen(); // a dead stream says nothing about it; nor does a clock that somebody set
  for (const [one, until] of freshUntil) {
    if (until > Date.now()) continue;
    freshUntil.delete(one);
    for (const line of document.querySelectorAll("li.fresh")) if (line.dataset.name === one) line.classList.remove("fresh");
  }
}

navigator.wakeLock?.request("screen").catch(() => {});
addEventListener("resize", () => { for (const lane of document.querySelectorAll(".lane")) fit(lane, lane.querySelector("ul")); });
listen();
tick();
setInterval(tick, 1000);
