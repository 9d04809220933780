// Pickup codes, customers' tokens and GTINs as scanners type them: recognised, verified, and mended where a keyboard
// of another country was in between. The same rules as in the service.

const ALPHABET = "23456789BCDFGHJKNPRSTVX";
const CODE_LENGTH = 6;
const TOKEN_LENGTH = 24;

// What a French or Belgian layout types where the scanner meant the digits of an American one.
const DIGITS = { "&": "1", "é": "2", '"': "3", "'": "4", "(": "5", "-": "6", "§": "6", "è": "7", _: "8", "!": "8", ç: "9", à: "0", É: "2", È: "7", Ç: "9", À: "0" };
const LETTERS = { a: "q", q: "a", z: "w", w: "z", A: "Q", Q: "A", Z: "W", W: "Z", ",": "m", "?": "M", ")": "-", "°": "_" };

export function normalise(typed) {
  return typed.toUpperCase().replace(/[\s-]/g, "");
}

export function repairDigits(typed) {
  return Array.from(typed, (symbol) => DIGITS[symbol] ?? symbol).join("");
}

export function repairAll(typed) {
  return Array.from(typed, (symbol) => DIGITS[symbol] ?? LETTERS[symbol] ?? symbol).join("");
}

const FRENCH = /[&é"'(§è!çàÉÈÇÀ)°]|^[-_]|[-_]$|[-_]{2}/;

// What a scanner typed, as it meant it: signs where digits would stand tell that a French layout was in between.
export function mended(typed) {
  return FRENCH.test(typed.trim()) && !/\d/.test(typed) ? repairAll(typed) : typed;
}

function known(symbols) {
  return Array.from(symbols).every((symbol) => ALPHABET.includes(symbol));
}

// Weights 1 to 6, sum 0 modulo 23: every wrong symbol and every two that are swapped are noticed.
export function isCode(symbols) {
  if (symbols.length !== CODE_LENGTH || !known(symbols)) return false;
  const sum = Array.from(symbols).reduce((total, symbol, place) => total + (place + 1) * ALPHABET.indexOf(symbol), 0);
  return sum % ALPHABET.length === 0;
}

export function isToken(symbols) {
  return symbols.length === TOKEN_LENGTH && known(symbols);
}

export function isGtin(digits) {
  if (!/^(\d{8}|\d{12,14})$/.test(digits)) return false;
  const sum = Array.from(digits).reverse().reduce((total, digit, place) => total + Number(digit) * (place % 2 ? 3 : 1), 0);
  return sum % 10 === 0;
}

// What was scanned or typed: {kind: code | token | gtin | misread | text, value}.
export function recognise(typed) {
  const said = typed.trim();
  for (const reading of [said, repairDigits(said)]) {
    const symbols = normalise(reading);
    if (isCode(symbols)) return { kind: "code", value: symbols };
    if (isToken(symbols)) return { kind: "token", value: symbols };
    if (isGtin(reading)) return { kind: "gtin", value: reading };
  }
  const link = /\/p\/([2-9B-DF-HJKNPRSTVX]{24})$/i.exec(said);
  if (link) return { kind: "token", value: link[1].toUpperCase() };
  for (const reading of [said, repairDigits(said)]) {
    const symbols = normalise(reading);
    if (symbols.length === CODE_LENGTH && known(symbols)) return { kind: "misread", value: symbols };
  }
  return { kind: "text", value: said };
}

// Whether it may name a shelf: a customer's code or QR and an item's barcode don't.
export function isShelf(typed) {
  return !["code", "token", "gtin"].includes(recognise(typed).kind);
}

export function spaced(code) {
  return code ? `${code.slice(0, 3)}\u00a0${code.slice(3)}` : "";
}
