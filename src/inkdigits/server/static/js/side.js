/** Beside the page: the chosen digit with its alternatives, and the list of numbers. Changes nothing itself. */
import { byId, counted, icon, make, percent } from "./elements.js";

/** @typedef {import("./corrections.js").Work} Work */
/** @typedef {import("./boxes.js").Choice} Choice */
/**
 * @typedef {object} Actions What the page does when asked.
 * @property {(line: number) => void} choose
 * @property {(text: string) => void} setDigit
 * @property {(text: string) => void} setText
 * @property {() => void} confirm
 * @property {() => void} nextDoubt
 */

const CROP = 176; // canvas px of the enlarged digit
const STATES = {
  accepted: { icon: "check", word: "" }, doubtful: { icon: "doubt", word: "to check" },
  nothing: { icon: "none", word: "" }, corrected: { icon: "pencil", word: "corrected" }, confirmed: { icon: "check", word: "confirmed" },
};

/**
 * @param {Work} work
 * @param {number} page
 * @param {Choice | null} choice
 * @param {Actions} actions
 */
export function drawNumbers(work, page, choice, actions) {
  const { lines } = work.pages[page];
  const doubts = lines.filter((_, l) => work.state(page, l) === "doubtful").length;
  const numbers = lines.filter((_, l) => work.text(page, l)).length;
  const where = work.pages.length > 1 ? " on this page" : "";
  byId("numbers-title").textContent = `${numbers ? counted(numbers, "number") : "No numbers"}${where}${doubts ? `, ${doubts} to check` : ""}`;
  byId("numbers").replaceChildren(...lines.map((line, l) => {
    const state = work.state(page, l);
    const { icon: drawn, word } = STATES[state];
    return make("li", {}, make("button", {
      class: "row", "data-state": state, "aria-current": choice?.line === l ? "true" : null, click: () => actions.choose(l),
    }, icon(drawn), make("span", { class: "row-text" }, work.text(page, l) || nameOf(line.reason)),
    make("span", { class: "row-note" }, word || (state === "nothing" ? "" : percent(line.confidence)))));
  }));
}

/** @param {string | null} reason */
const nameOf = (reason) => (reason === "blank" ? "Nothing written" : reason === "not_a_digit" ? "Not a digit" : "Nothing fits");

/**
 * @param {Work} work
 * @param {number} page
 * @param {Choice | null} choice
 * @param {HTMLImageElement} picture of the page
 * @param {Actions} actions
 */
export function drawChosen(work, page, choice, picture, actions) {
  const place = byId("chosen");
  const typing = document.activeElement?.id === "number-field"; // the field stays, and with it the cursor
  if (typing && choice && place.dataset.key === `${page}:${choice.line}`) return refreshField(work, page, choice);
  place.dataset.key = choice ? `${page}:${choice.line}` : "";
  place.replaceChildren(...(choice ? chosen(work, page, choice, picture, actions) : invitation(work, actions)));
}

/**
 * @param {Work} work
 * @param {number} page
 * @param {Choice} choice
 */
function refreshField(work, page, choice) {
  const field = byId("number-field");
  if (field.value !== work.text(page, choice.line)) field.value = work.text(page, choice.line);
}

/**
 * @param {Work} work
 * @param {Actions} actions
 */
function invitation(work, actions) {
  const { doubts } = work;
  const lines = work.pages.flatMap((page) => page.lines);
  if (!lines.some((line) => line.text)) {
    const headline = make("p", { class: "headline" }, lines.length === 1 ? nameOf(lines[0].reason) : "No numbers here");
    return [headline, make("p", { class: "sentence" }, lines[0]?.explanation?.detail ?? "Nothing on it looks like a handwritten number.")];
  }
  const where = work.pages.length > 1 ? ` on ${work.pages.length} pages` : "";
  const say = doubts ? `${counted(doubts, "number")}${where} should be looked at.` : `All numbers${where} are sure enough to use.`;
  return [
    make("p", { class: "sentence" }, say),
    make("p", { class: "fine" }, "Choose a digit to see what else it may be. Type to correct it; arrow keys move on."),
    doubts ? make("button", { class: "solid", click: actions.nextDoubt }, doubts === 1 ? "Check it" : "Check them") : null,
  ].filter(Boolean);
}

/**
 * @param {Work} work
 * @param {number} page
 * @param {Choice} choice
 * @param {HTMLImageElement} picture
 * @param {Actions} actions
 */
function chosen(work, page, { line: l, digit: d }, picture, actions) {
  const line = work.pages[page].lines[l];
  const state = work.state(page, l);
  const digit = line.digits[d];
  return [
    digit ? head(work, page, l, d, picture) : null,
    digit ? choices(digit, work.cells(page, l)?.[d] ?? digit.text, actions.setDigit)
      : line.alternatives.length ? choices(null, work.text(page, l), actions.setText, line.alternatives) : null,
    make("p", { class: "sentence small" }, sentence(line, state)),
    field(work, page, l, actions),
    make("div", { class: "chosen-buttons" },
      state === "doubtful" ? make("button", { class: "solid", click: actions.confirm, "data-tip": "Enter" }, icon("check"), "It’s right") : null,
      work.nextDoubt(page, l) ? make("button", { class: "plain", click: actions.nextDoubt }, "Next doubtful") : null),
  ].filter(Boolean);
}

/**
 * @param {Work} work
 * @param {number} page
 * @param {number} l
 * @param {number} d
 * @param {HTMLImageElement} picture
 */
function head(work, page, l, d, picture) {
  const line = work.pages[page].lines[l];
  const digit = line.digits[d];
  const text = work.cells(page, l)?.[d] ?? digit.text;
  const note = text === digit.text ? `${percent(digit.confidence)} sure` : `was read as ${digit.text}`;
  return make("div", { class: "chosen-head" }, crop(picture, work.pages[page].explanation?.scale ?? 1, digit.box),
    make("div", {}, make("p", { class: "chosen-text" }, text || "–"),
      make("p", { class: "fine" }, `${note} · ${d + 1} of ${line.digits.length}`)));
}

/**
 * The digit cut from the page, with a little around it.
 * @param {HTMLImageElement} picture
 * @param {number} scale picture pixels for one of the page
 * @param {import("./types.js").Box} box
 */
function crop(picture, scale, [x0, y0, x1, y1]) {
  const canvas = make("canvas", { width: CROP, height: CROP, class: "crop", role: "img", "aria-label": "The digit as it is written" });
  const side = 1.5 * Math.max(x1 - x0, y1 - y0) * scale;
  const [x, y] = [((x0 + x1) / 2) * scale - side / 2, ((y0 + y1) / 2) * scale - side / 2];
  const to = canvas.getContext("2d");
  to.imageSmoothingQuality = "high";
  to.drawImage(picture, x, y, side, side, 0, 0, CROP, CROP);
  return canvas;
}

/**
 * What else a digit, or a number without digits, may be; each a button that makes it so.
 * @param {import("./types.js").Digit | null} digit
 * @param {string} now what it is taken for
 * @param {(text: string) => void} set
 * @param {import("./types.js").Alternative[]} [alternatives]
 */
function choices(digit, now, set, alternatives = digit?.alternatives ?? []) {
  const options = [...(digit ? [digit] : []), ...alternatives.slice(0, 3)];
  return make("div", { class: "choices", role: "group", "aria-label": "It may be" }, ...options.map(({ text, confidence }) => {
    const button = make("button", {
      class: "choice", "aria-pressed": String(text === now), "aria-label": `${text}, ${percent(confidence)}`, click: () => set(text),
    }, make("b", {}, text), make("span", {}, percent(confidence)));
    button.style.setProperty("--share", String(confidence));
    return button;
  }));
}

/**
 * @param {import("./types.js").Line} line
 * @param {string} state
 */
function sentence(line, state) {
  if (state === "corrected") return `Corrected by you; it was read as ${line.text || "nothing"}.`;
  if (state === "confirmed") return "Confirmed by you.";
  return line.explanation?.detail ?? "";
}

/**
 * The whole number, for digits that were missed or read into it.
 * @param {Work} work
 * @param {number} page
 * @param {number} l
 * @param {Actions} actions
 */
function field(work, page, l, actions) {
  const input = make("input", {
    id: "number-field", type: "text", inputmode: "numeric", autocomplete: "off", maxlength: "64",
    change: () => actions.setText(input.value.replace(/[^0-9]/g, "")),
    keydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter") { input.dispatchEvent(new Event("change")); input.blur(); } },
  });
  input.value = work.text(page, l);
  return make("label", { class: "number-label" }, make("span", {}, "Number"), input);
}
