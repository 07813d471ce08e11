/** Asks the server, once. Knows its addresses and how it says no; knows nothing of the page. */

/** @typedef {import("./types.js").Page} Page */
/** @typedef {import("./types.js").Classification} Classification */
/** @typedef {import("./types.js").ModelName} ModelName */

/** The server doesn't answer. */
export class Gone extends Error {}

/** The server says no, with a reason (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} sentence
   * @param {number | null} retryAfter seconds, when trying again can help; null when it can't
   */
  constructor(status, sentence, retryAfter) {
    super(sentence);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const PATIENCE_MS = 90_000; // longer than the server itself takes for a page
const KEY = "api-key"; // in this tab only, and gone with it
let key = "";
try { key = sessionStorage.getItem(KEY) ?? ""; } catch { /* kept in memory then */ }

/** @param {string} value */
export function useKey(value) {
  key = value;
  try { sessionStorage.setItem(KEY, value); } catch { /* as above */ }
}

/** Whether a key was given, now or earlier in this tab. */
export const hasKey = () => key !== "";

/**
 * Numbers in a picture or document.
 * @param {Blob} body
 * @param {Record<string, string>} options
 * @param {AbortSignal} signal
 * @returns {Promise<{model: ModelName, pages: Page[]}>}
 */
export async function read(body, options, signal) {
  const { model, results } = await send("v1/read", body, { ...options, explain: "true" }, signal);
  return { model, pages: results[0].pages };
}

/**
 * One digit in a picture.
 * @param {Blob} body
 * @param {AbortSignal} signal
 * @returns {Promise<Classification>}
 */
export async function classify(body, signal) {
  return (await send("v1/classify", body, { explain: "true" }, signal)).results[0];
}

/** What the server says of itself. */
export const info = () => ask("v1/info", {});

/**
 * @param {string} path
 * @param {Blob} body a file is sent with its name, anything else as it is
 * @param {Record<string, string>} options
 * @param {AbortSignal} signal
 */
function send(path, body, options, signal) {
  const query = new URLSearchParams(options);
  if (!(body instanceof File)) return ask(`${path}?${query}`, { method: "POST", body, signal });
  const form = new FormData();
  form.append("file", body, body.name);
  return ask(`${path}?${query}`, { method: "POST", body: form, signal });
}

/**
 * @param {string} address
 * @param {RequestInit} request
 */
async function ask(address, request) {
  const ends = [AbortSignal.timeout(PATIENCE_MS), request.signal].filter((signal) => signal instanceof AbortSignal);
  const used = key;
  let answer;
  try {
    answer = await fetch(address, { ...request, signal: AbortSignal.any(ends), headers: key ? { Authorization: `Bearer ${key}` } : {} });
    if (answer.ok) return await answer.json();
  } catch {
    request.signal?.throwIfAborted(); // nobody wants it any more
    throw new Gone();
  }
  if (answer.status === 502 || answer.status === 504) throw new Gone(); // a proxy that found no server
  if (answer.status === 401 && key !== used) return ask(address, request); // another key was given meanwhile
  throw await problemIn(answer);
}

/** @param {Response} answer */
async function problemIn(answer) {
  let said = null;
  try { said = await answer.json(); } catch { /* a proxy's page */ }
  const isTooLarge = said?.type === "/problems/body-too-large" && said.limit > 1000; // else it speaks of parts
  const sentence = isTooLarge ? `It has more than the ${said.limit / 2 ** 20} MB that this server takes.`
    : said?.detail || said?.title || `The server answered ${answer.status}.`;
  const wait = Number(answer.headers.get("Retry-After") || NaN);
  const hopeless = said?.type === "/problems/timed-out" || !Number.isFinite(wait); // the same page takes as long again
  return new Problem(answer.status, sentence, hopeless ? null : wait);
}
