"use strict";

const counters = document.querySelector("[data-every]");
const list = document.querySelector("[data-newest]");

function show(now) {
  for (const output of counters.querySelectorAll("output")) {
    const count = String(now.counters[output.dataset.count]);
    if (output.textContent !== count) {
      output.textContent = count;
      output.classList.add("moved");
      setTimeout(() => output.classList.remove("moved"), 60);
    }
  }
  counters.querySelector(".promise").classList.toggle("broken", now.counters.oversold > 0);
  const customer = document.getElementById("customer");
  if (now.customer && !customer.hasAttribute("href")) {
    const is = customer.querySelector("[data-is]");
    is.textContent = is.dataset.is;
  }
  if (now.customer) customer.href = now.customer;
  showLatest(now.latest);
}

function showLatest(latest) {
  const place = document.getElementById("latest");
  if (!latest.length || place.dataset.newest === latest[0].id) return;
  const known = new Set(Array.from(place.children, (line) => line.dataset.id));
  place.dataset.newest = latest[0].id;
  place.replaceChildren(...latest.map((event) => {
    const line = document.createElement("li");
    line.dataset.id = event.id;
    if (known.size && !known.has(event.id)) line.className = "fresh";
    for (const [kind, text] of [["time", event.at], ["b", event.store], ["span", event.order_ref], ["em", event.said]]) {
      const part = document.createElement(kind);
      part.textContent = text;
      if (kind === "em") part.className = event.state;
      line.append(part);
    }
    return line;
  }));
}

async function refresh() {
  const note = document.getElementById("never");
  note.dataset.said ??= note.textContent;
  try {
    const answer = await fetch("/demo/now", { signal: AbortSignal.timeout(4000) });
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
    counters.classList.remove("stale");
    if (note.textContent !== note.dataset.said) note.textContent = note.dataset.said;
  } catch {
    counters.classList.add("stale");
    note.textContent = counters.dataset.away;
  }
  setTimeout(refresh, Number(counters.dataset.every));
}

async function lookForMail() {
  const pill = list.querySelector(".pill");
  try {
    const answer = await fetch(`/inbox/newer?than=${list.dataset.newest}`, { signal: AbortSignal.timeout(4000) });
    const { newer } = await answer.json();
    pill.hidden = newer === 0;
    pill.textContent = newer === 1 ? list.dataset.one : list.dataset.many.replace("{}", newer);
    if (newer > 0 && list.dataset.newest === "0") location.reload();
  } catch { /* the next look will tell */ }
  setTimeout(lookForMail, 2000);
}

for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    const said = button.textContent;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent);
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = said; }, 1600);
  });
}

if (counters) setTimeout(refresh, 1000);
if (list) setTimeout(lookForMail, 2000);
document.querySelector(".list [aria-current]")?.scrollIntoView({ block: "nearest" });
