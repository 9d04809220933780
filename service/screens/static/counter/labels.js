// The label of an order: printed by the browser, or a file of commands for a Zebra, as this device was told.

import { signal } from "./dom.js";
import { place } from "./api.js";
import { tell } from "./deeds.js";
import { keep, read } from "./keeping.js";
import { language, say } from "./words.js";

export const printer = signal("html"); // html: a page of this browser; zpl: a file that a Zebra's program takes

export async function start() {
  printer.value = (await read("printer")) ?? "html";
}

export function choosePrinter(chosen) {
  printer.value = chosen;
  void keep("printer", chosen);
}

export function printLabel(card) {
  const path = `${place(card, "label")}?format=${printer.value}&lang=${language.value}`;
  return void (printer.value === "zpl" ? save(path, `${card.order_ref}.zpl`) : print(path));
}

// Print in a frame of our own: the page of the label says how large the paper is.
function print(path) {
  document.querySelector("iframe.printing")?.remove();
  const frame = document.createElement("iframe");
  frame.className = "printing";
  frame.title = say("act_print");
  frame.setAttribute("aria-hidden", "true");
  frame.addEventListener("load", () => frame.contentWindow.print());
  frame.src = path;
  document.body.append(frame);
}

// A printer that is no printer of the browser's is given its label as a file.
async function save(path, name) {
  const answer = await fetch(path, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return tell("bad", say(answer ? "why_unavailable" : "needs_network"));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  return setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
