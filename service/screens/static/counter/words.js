// What the screens say, in the language of whoever works at them; moments and amounts as they write them.

import { signal } from "./dom.js";

export const FILES = document.querySelector('meta[name="comptoir-files"]').content;

export const language = signal("fr");
export const zone = signal("Europe/Paris");
const spoken = signal({});

// False where its words can't be read: what was spoken so far is spoken on.
export async function speak(chosen) {
  const answer = await fetch(`${FILES}${chosen}.json`).catch(() => null);
  const found = answer?.ok ? await answer.json().catch(() => null) : null;
  if (!found) return false;
  spoken.value = found;
  language.value = chosen;
  document.documentElement.lang = chosen;
  return true;
}

// say("late", {minutes: 5}); where there is a number `count`, the form that the language has for it: items.one, items.other.
export function say(name, facts = {}) {
  const form = "count" in facts ? `${name}.${new Intl.PluralRules(language.value).select(facts.count)}` : name;
  const text = spoken.value[form] ?? spoken.value[`${name}.other`] ?? spoken.value[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (all, fact) => facts[fact] ?? all);
}

export function knows(name) {
  return name in spoken.value;
}

// Why the service refused, in words of these screens: its own are for whoever wrote the request.
export function why(problem, status) {
  if (problem.state) return say("why_state", { state: say(`state_${problem.state}`) });
  return knows(`why_${problem.code}`) ? say(`why_${problem.code}`) : say("why_other", { code: problem.code ?? status });
}

function parts(iso, options) {
  const format = new Intl.DateTimeFormat(language.value === "fr" ? "fr-FR" : "en-GB", { timeZone: zone.value, ...options });
  return Object.fromEntries(format.formatToParts(new Date(iso)).map((part) => [part.type, part.value]));
}

// 14 h 30 · 14:30
export function time(iso) {
  const { hour, minute } = parts(iso, { hour: "2-digit", minute: "2-digit" });
  return language.value === "fr" ? `${Number(hour)}\u00a0h\u00a0${minute}` : `${hour}:${minute}`;
}

// mer. 25 nov. · Wed 25 Nov
export function day(iso) {
  const { weekday, day: number, month } = parts(iso, { weekday: "short", day: "numeric", month: "short" });
  return `${weekday} ${number}\u00a0${month}`;
}

function isToday(iso, now) {
  return day(iso) === day(new Date(now).toISOString());
}

// The time alone where it is today; else the day too.
export function when(iso, now) {
  return isToday(iso, now) ? time(iso) : say("day_time", { day: day(iso), time: time(iso) });
}

// Until when, as people keep it: what ends at midnight ends on the day before, a minute earlier.
export function until(iso, now) {
  const { hour, minute } = parts(iso, { hour: "2-digit", minute: "2-digit" });
  const last = hour === "00" && minute === "00" ? new Date(Date.parse(iso) - 60_000).toISOString() : iso;
  return isToday(last, now) ? say("until", { when: time(last) }) : say("until_day", { day: day(last) });
}

export function money(amount, currency) {
  const format = new Intl.NumberFormat(language.value === "fr" ? "fr-FR" : "en-GB", { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

// In pairs, as it is dialled in France: 01 99 00 00 01; elsewhere after the code of its country: +32 470 12 34 56.
export function phone(number) {
  const [, country, rest] = /^\+(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})(\d+)$/.exec(number) ?? [];
  if (!country) return number;
  const near = country === "33" && zone.value === "Europe/Paris";
  const grouped = country === "1" ? rest.replace(/^(\d{3})(\d{3})/, "$1 $2 ") : `${near ? 0 : ""}${rest}`.replace(/\B(?=(\d\d)+$)/g, " ");
  const spelled = country === "33" ? grouped : grouped.replace(/^(\d) /, "$1");
  return `${near ? "" : `+${country} `}${spelled}`.replaceAll(" ", "\u00a0");
}

// How long something takes or took: 40 s, 12 min, 2 h 05.
export function span(milliseconds) {
  const minutes = Math.floor(Math.max(0, milliseconds) / 60_000);
  if (minutes < 1) return say("span_moment");
  if (minutes < 60) return say("span_minutes", { minutes });
  if (minutes < 48 * 60) return say("span_hours", { hours: Math.floor(minutes / 60), minutes: String(minutes % 60).padStart(2, "0") });
  return say("span_days", { days: Math.floor(minutes / 1440) });
}
