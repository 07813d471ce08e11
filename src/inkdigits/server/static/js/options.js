/** What is known of the numbers, from its form to the words of the API. */
import { byId } from "./elements.js";

const LARGEST = "9".repeat(40); // where only the least value is given

const form = byId("options-form");

/** @returns {Record<string, string>} */
export function options() {
  const given = new FormData(form);
  /** @type {Record<string, string>} */
  const wanted = {};
  for (const name of ["layout", "length", "check", "max_error"]) {
    const value = String(given.get(name) ?? "").trim();
    if (value) wanted[name] = value;
  }
  const [low, high] = ["low", "high"].map((name) => String(given.get(name) ?? "").trim());
  if (low || high) wanted.range = `${low || "0"},${high || LARGEST}`;
  return wanted;
}

/** @param {() => void} again called when they are to be used */
export function onOptions(again) {
  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    again();
  });
  form.addEventListener("reset", () => setTimeout(again)); // the fields are reset after the event
}
