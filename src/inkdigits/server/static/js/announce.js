/** Tells screen readers what happened: once things are at rest, and nothing twice. */
import { byId } from "./elements.js";

const REST_MS = 800; // shorter, and every stroke would be talked over
let timer = 0;
let said = "";

/**
 * Says it when nothing newer comes for a moment.
 * @param {string} words
 * @param {number} [after] ms
 */
export function announce(words, after = REST_MS) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (words === said) return;
    said = words;
    byId("announcer").textContent = words;
  }, after);
}
