/** Shows a verdict: the number in large type, how sure, what else it may be. Knows no drawing and no server. */
import { announce } from "./announce.js";
import { byId, icon, make, percent } from "./elements.js";

/** @typedef {import("./types.js").Verdict} Verdict */

const place = byId("answer");
const LABELS = { accepted: "Accepted", unsure: "Not sure", not_a_digit: "Not a digit" };
const ICONS = { accepted: "check", unsure: "doubt", not_a_digit: "none" };
const BARS = 10;

/** @type {number} which digit of a number is looked at */
let chosen = -1;
/** @type {(digit: number) => void} */
let tellChosen = () => {};

/** @param {(digit: number) => void} listener told which digit is looked at, -1 for none */
export function onChosen(listener) {
  tellChosen = listener;
}

/**
 * @param {Verdict} verdict
 * @param {number | null} ms how long it took, from the pen to here
 */
export function show(verdict, ms) {
  if (chosen >= verdict.digits.length) chosen = -1;
  const focused = document.activeElement?.closest("#answer .digit") ? chosen : -1;
  place.dataset.state = verdict.state;
  place.replaceChildren(...(verdict.state === "empty" ? empty() : answer(verdict, ms)));
  if (focused >= 0) place.querySelectorAll(".digit")[focused]?.focus();
  announce(inWords(verdict));
}

/** What is shown is of an earlier drawing, and the newest takes long: says so. */
export function showLate() {
  const { state } = place.dataset;
  if (state === "late" || state === "waiting") return;
  const isReading = state !== "empty" && state !== "failed";
  place.dataset.state = isReading ? "late" : "waiting";
  if (isReading) place.querySelector(".status").replaceChildren(make("span", { class: "badge" }, icon("pencil"), "Of an earlier drawing"));
  else place.replaceChildren(make("p", { class: "headline" }, "Not read yet"), make("p", { class: "sentence" }, "It will be, as soon as the server answers."));
}

function empty() {
  return [
    make("p", { class: "headline" }, "Nothing here yet"),
    make("p", { class: "sentence" }, "Draw a digit, or a whole number. It is read while you write."),
  ];
}

/**
 * @param {Verdict} verdict
 * @param {number | null} ms
 */
function answer(verdict, ms) {
  const state = /** @type {"accepted" | "unsure" | "not_a_digit"} */ (verdict.state);
  return [
    make("div", { class: "status" },
      make("span", { class: "badge" }, icon(ICONS[state]), verdict.digits.length > 1 ? `${LABELS[state]} · ${percent(verdict.confidence)}` : LABELS[state]),
      ms === null ? null : make("span", { class: "fine" }, `${Math.round(ms)} ms`)),
    ...reading(verdict),
  ].filter(Boolean);
}

/** @param {Verdict} verdict */
function reading(verdict) {
  const sentence = make("p", { class: "sentence" }, verdict.sentence);
  const chances = verdict.probabilities ? bars(verdict) : null;
  if (!verdict.digits.length) return [make("p", { class: "headline none" }, "No digit here"), sentence, chances];
  if (chances) return [make("div", { class: "single" }, number(verdict), chances), sentence];
  return [number(verdict), sentence, others(verdict)];
}

/** @param {Verdict} verdict */
function number(verdict) {
  const several = verdict.digits.length > 1;
  const list = make("div", { class: "number", role: "group", "aria-label": `Read as ${verdict.digits.map((d) => d.text).join("")}` });
  list.dataset.size = String(sizeOf(verdict.digits.length));
  list.append(...verdict.digits.map((digit, i) => {
    const meter = make("span", { class: "meter", "aria-hidden": "true" });
    meter.style.setProperty("--share", String(digit.confidence));
    const parts = [make("span", { class: "glyph" }, digit.text), meter, make("span", { class: "sure" }, percent(digit.confidence))];
    if (!several) return make("span", { class: "digit only" }, ...parts);
    const button = make("button", {
      class: "digit", "aria-pressed": String(i === chosen), "aria-label": `${digit.text}, ${percent(digit.confidence)} sure`,
      click: () => choose(verdict, i),
    }, ...parts);
    return button;
  }));
  return list;
}

/** @param {number} count */
const sizeOf = (count) => (count <= 1 ? 1 : count <= 4 ? 2 : count <= 7 ? 3 : count <= 12 ? 4 : 5);

/**
 * @param {Verdict} verdict
 * @param {number} i
 */
function choose(verdict, i) {
  chosen = chosen === i ? -1 : i;
  place.querySelectorAll(".digit").forEach((/** @type {Element} */ button, /** @type {number} */ at) =>
    button.setAttribute("aria-pressed", String(at === chosen)));
  place.querySelector(".others")?.replaceWith(others(verdict));
  tellChosen(chosen);
}

/**
 * Other readings of the number, or of the digit that is looked at.
 * @param {Verdict} verdict
 */
function others(verdict) {
  const digit = verdict.digits[chosen];
  const found = (digit ?? verdict).alternatives.slice(0, 4);
  const box = make("div", { class: "others" });
  if (!verdict.digits.length) return box;
  const title = digit ? `Instead of this ${digit.text}, it could be` : "It could also be";
  box.append(make("h2", {}, title), found.length
    ? make("ul", {}, ...found.map(({ text, confidence }) => make("li", {}, make("b", {}, text), ` ${percent(confidence)}`)))
    : make("p", { class: "fine" }, "Nothing else worth naming."));
  return box;
}

/**
 * All ten digits, for a single shape.
 * @param {Verdict} verdict
 */
function bars(verdict) {
  const shares = verdict.probabilities ?? [];
  const best = verdict.digits[0]?.text;
  const spoken = shares.map((p, digit) => ({ p, digit })).sort((a, b) => b.p - a.p).slice(0, 3)
    .map(({ p, digit }) => `${digit}: ${percent(p)}`).join(", ");
  const chart = make("div", { class: "bars", role: "img", "aria-label": `How likely each digit is. ${spoken}` });
  for (let digit = 0; digit < BARS; digit += 1) {
    const column = make("span", { class: String(digit) === best ? "bar best" : "bar" }, make("i"), make("b", {}, String(digit)));
    column.style.setProperty("--share", String(shares[digit] ?? 0));
    chart.append(column);
  }
  return make("div", { class: "others" }, make("h2", {}, "Each digit’s chance"), chart);
}

/** @param {Verdict} verdict */
function inWords(verdict) {
  const digits = verdict.digits.map(({ text }) => text).join(" ");
  if (verdict.state === "empty") return "Nothing here yet";
  if (verdict.state === "not_a_digit") return `Not a digit. ${verdict.sentence}`;
  return `${digits}, ${verdict.state === "accepted" ? "accepted" : "not sure"}, ${percent(verdict.confidence)}`;
}
