/** Keeps asking until there is an answer: waits for a server that is gone or busy, asks for a key. */
import { Gone, Problem, hasKey, info, useKey } from "./api.js";
import { byId, counted } from "./elements.js";

const WAITS = [1, 2, 4, 8, 10]; // seconds between tries, the last for ever
const BACK_MS = 2500; // how long "it is back" stays

const banner = byId("banner");
const words = byId("banner-text");
const form = byId("key-form");
const tryNow = byId("try-now");
let waiting = 0; // pieces of work that wait
/** @type {Set<() => void>} those that wait for a key; one form asks for all */
const locked = new Set();
/** @type {Set<() => void>} those that wait for a server that is gone; who finds it calls the others */
const stranded = new Set();

/**
 * Does the work; when the server is gone, busy or wants a key, does it again in a while.
 *
 * @template T
 * @param {() => Promise<T>} work asks for what is newest whenever it is called
 * @param {AbortSignal} signal ends the waiting
 * @returns {Promise<T>} rejected only with a problem that trying again can't solve, or when ended
 */
export async function insist(work, signal) {
  for (let tries = 0; ; tries += 1) {
    try {
      const answer = await work();
      if (tries) recovered();
      return answer;
    } catch (error) {
      if (signal.aborted) throw new DOMException("ended", "AbortError");
      const wait = waitFor(error, tries);
      if (wait === null) {
        if (tries) recovered();
        throw error;
      }
      waiting += 1;
      try { await wait(signal); } finally { waiting -= 1; }
      if (signal.aborted) {
        if (!waiting) hide();
        throw new DOMException("ended", "AbortError");
      }
    }
  }
}

/**
 * How to wait for the next try; null when there is none.
 * @param {unknown} error
 * @param {number} tries
 * @returns {((signal: AbortSignal) => Promise<void>) | null}
 */
function waitFor(error, tries) {
  if (error instanceof Gone) {
    const seconds = WAITS[Math.min(tries, WAITS.length - 1)];
    return (signal) => {
      show("gone", "The server doesn’t answer. Your work is kept; trying\u00a0again\u00a0…", true);
      return pause(seconds, signal, stranded);
    };
  }
  if (error instanceof Problem && error.status === 401) return askForKey;
  if (error instanceof Problem && error.retryAfter !== null) {
    const seconds = Math.max(0.5, error.retryAfter);
    const reason = error.status === 429 ? "The server takes no more requests from here for now." : "The server is busy.";
    return (signal) => {
      if (seconds > 1 || tries > 1) show("busy", `${reason} It is asked again in ${counted(Math.ceil(seconds), "second")}.`, false);
      return pause(seconds, signal, new Set());
    };
  }
  return null;
}

/**
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @param {Set<() => void>} together has what ends this wait early
 * @returns {Promise<void>}
 */
function pause(seconds, signal, together) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      tryNow.removeEventListener("click", done);
      signal.removeEventListener("abort", done);
      together.delete(done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    together.add(done);
    addEventListener("online", done);
    tryNow.addEventListener("click", done);
    signal.addEventListener("abort", done);
  });
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function askForKey(signal) {
  show("key", hasKey() ? "That key isn’t known here. Try another." : "This server asks for a key.", false);
  byId("key").setAttribute("aria-invalid", String(hasKey()));
  if (!locked.size) byId("key").focus();
  return new Promise((resolve) => {
    const done = () => {
      locked.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    locked.add(done);
    signal.addEventListener("abort", done);
  });
}

form.addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  useKey(byId("key").value.trim());
  byId("key").value = "";
  for (const goOn of [...locked]) goOn();
});

/**
 * @param {string} kind
 * @param {string} sentence
 * @param {boolean} canHurry
 */
function show(kind, sentence, canHurry) {
  banner.dataset.kind = kind;
  if (words.textContent !== sentence) words.textContent = sentence;
  tryNow.hidden = !canHurry;
  form.hidden = kind !== "key";
  banner.hidden = false;
}

function hide() {
  banner.hidden = true;
  words.textContent = "";
}

function recovered() {
  if (banner.hidden) return;
  if (banner.dataset.kind !== "gone") {
    if (!waiting) hide();
    return;
  }
  show("back", "The server is back.", false);
  for (const goOn of [...stranded]) goOn();
  setTimeout(() => { if (banner.dataset.kind === "back") hide(); }, BACK_MS);
}

/** Says who answers here, once it is known. */
export async function introduce() {
  const about = await insist(info, new AbortController().signal);
  const names = (about.models ?? []).map((/** @type {any} */ model) => `${model.name} ${model.version}`);
  if (about.version) byId("about").textContent = ["inkdigits " + about.version, ...names, "what you draw and send goes to this server and nowhere else"].join(" · ");
}
