// Asking the service: with the device's cookie, within a time, and telling a refusal from a network that is away.

import { signal } from "./dom.js";
import { learn } from "./clock.js";
import { language } from "./words.js";

const PATIENCE = 8000;

export const unpaired = signal(false); // the service does not know this device (any more)

export const clerkLeft = signal(0); // how often a clerk's session was found to be over

export class Refused extends Error {
  constructor(status, problem, after) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    this.after = after; // seconds to wait, where it is only for now
  }

  get passing() {
    return this.status >= 500 || this.status === 429 || this.status === 408 || this.problem.code === "idempotency_in_flight";
  }
}

export class Unreachable extends Error {}

// Answers what came back, read; null where nothing did. Raises Refused or Unreachable.
export async function ask(method, path, options = {}) {
  try {
    return await once(method, path, options);
  } catch (error) {
    // Whoever worked here has left meanwhile: that is said once, and then it is the device that asks.
    if (!(error instanceof Refused) || error.problem.reason !== "clerk_session_over") throw error;
    clerkLeft.value += 1;
    return await once(method, path, options);
  }
}

async function once(method, path, { body, key, match }) {
  const headers = { Accept: "application/json", "Accept-Language": language.value };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (match) headers["If-Match"] = `"${match}"`;
  const sentAt = Date.now();
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
      cache: "no-store",
      credentials: "same-origin",
    });
    learn(answer.headers.get("Date"), sentAt, Date.now());
    const text = await answer.text();
    const told = text && /json/.test(answer.headers.get("Content-Type") ?? "") ? JSON.parse(text) : null;
    if (answer.ok) return told;
    if (answer.status === 401 && told?.reason !== "clerk_session_over") unpaired.value = true;
    throw new Refused(answer.status, told ?? {}, Number(answer.headers.get("Retry-After")) || 0);
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Unreachable(error.message);
  }
}

export const get = (path, options) => ask("GET", path, options);
export const post = (path, body, options) => ask("POST", path, { body, ...options });

export function place(card, step = "") {
  return `/v1/stores/${encodeURIComponent(card.store)}/reservations/${card.id}${step && `/${step}`}`;
}
