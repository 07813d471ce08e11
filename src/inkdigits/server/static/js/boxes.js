/** The digits on the page as boxes: click, tab, arrows. Says what is chosen and typed; changes nothing itself. */
import { isDoubted } from "./corrections.js";
import { byId, make, percent } from "./elements.js";

/** @typedef {import("./corrections.js").Work} Work */
/** @typedef {import("./types.js").Box} Box */
/** @typedef {{line: number, digit: number}} Choice digit is -1 where a number has none */

const FLAG_PX = 22; // its height on the screen, with the outlines of both boxes
const SMALL_PX = 12; // numbers less high have no flag: it would hide more than it says

const place = byId("boxes");
/** @type {Map<string, HTMLElement>} */
let buttons = new Map();

/**
 * Draws all boxes of a page.
 * @param {Work} work
 * @param {number} page
 */
export function drawBoxes(work, page) {
  buttons = new Map();
  const { lines } = work.pages[page];
  place.replaceChildren(...lines.flatMap((line, l) => {
    const frame = put(make("span", { class: "line-frame", "aria-hidden": "true" }, make("span", { class: "flag" })), line.box);
    frame.dataset.room = String(roomAbove(line.box, lines.map(({ box }) => box)));
    frame.dataset.high = String(line.box[3] - line.box[1]);
    const digits = line.digits.map((digit, d) => {
      const button = put(make("button", { class: "box", tabindex: "-1", "data-line": l, "data-digit": d }), digit.box);
      buttons.set(`${l}:${d}`, button);
      return button;
    });
    buttons.set(`${l}:frame`, frame);
    return [frame, ...digits];
  }));
  lines.forEach((_, l) => markLine(work, page, l));
  const first = buttons.get(keyOf(firstOf(work, page)));
  if (first) first.tabIndex = 0;
}

/**
 * Brings the boxes of a number up to date.
 * @param {Work} work
 * @param {number} page
 * @param {number} l
 */
export function markLine(work, page, l) {
  const line = work.pages[page].lines[l];
  const [state, cells] = [work.state(page, l), work.cells(page, l)];
  const frame = /** @type {HTMLElement} */ (buttons.get(`${l}:frame`));
  frame.dataset.state = state;
  const flag = /** @type {HTMLElement} */ (frame.firstElementChild);
  flag.textContent = `${state === "doubtful" ? "? " : ""}${work.text(page, l) || "–"}`;
  line.digits.forEach((digit, d) => {
    const button = /** @type {HTMLElement} */ (buttons.get(`${l}:${d}`));
    const text = cells ? cells[d] : digit.text;
    button.dataset.state = state === "doubtful" && !isDoubted(line, d) ? "plain" : text !== digit.text ? "corrected" : state;
    const sure = text === digit.text ? `${percent(digit.confidence)} sure` : `corrected from ${digit.text}`;
    const doubt = button.dataset.state === "doubtful" ? ", doubtful" : "";
    button.setAttribute("aria-label", `${text || "removed"}, ${sure}${doubt}. Digit ${d + 1} of ${line.digits.length} in ${work.text(page, l)}`);
  });
}

/**
 * @param {Choice | null} choice
 * @param {boolean} [focus] whether the keyboard goes there, too
 */
export function markChosen(choice, focus = false) {
  for (const button of buttons.values()) {
    button.classList.remove("chosen");
    if (button.tabIndex === 0) button.tabIndex = -1;
  }
  if (!choice) return;
  buttons.get(`${choice.line}:frame`)?.classList.add("chosen");
  const button = buttons.get(keyOf(choice));
  if (!button) return;
  button.classList.add("chosen");
  button.tabIndex = 0;
  if (focus) button.focus({ preventScroll: true });
}

/**
 * Where an arrow key leads; null where it isn't one, or at the page's end.
 * @param {Work} work
 * @param {number} page
 * @param {Choice} from
 * @param {string} key
 * @returns {Choice | null}
 */
export function led(work, page, from, key) {
  const { lines } = work.pages[page];
  const all = lines.flatMap((line, l) => line.digits.map((_, d) => ({ line: l, digit: d })));
  const at = all.findIndex((one) => one.line === from.line && one.digit === from.digit);
  if (key === "ArrowRight") return all[at + 1] ?? null;
  if (key === "ArrowLeft") return all[at - 1] ?? null;
  if (key === "Home") return all[0] ?? null;
  if (key === "End") return all.at(-1) ?? null;
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const way = key === "ArrowDown" ? 1 : -1;
  let l = from.line + way;
  while (lines[l] && !lines[l].digits.length) l += way;
  return lines[l] ? { line: l, digit: nearest(lines[l].digits, lines[from.line].digits[from.digit]?.box) } : null;
}

/**
 * The first digit to look at: of the first doubtful number, else of the page.
 * @param {Work} work
 * @param {number} page
 * @returns {Choice | null}
 */
export function firstOf(work, page) {
  const { lines } = work.pages[page];
  const doubtful = lines.findIndex((_, l) => work.state(page, l) === "doubtful");
  const line = doubtful >= 0 ? doubtful : lines.findIndex(({ digits }) => digits.length);
  return line >= 0 ? choiceIn(work, page, line) : null;
}

/**
 * The digit of a number to look at first.
 * @param {Work} work
 * @param {number} page
 * @param {number} line
 * @returns {Choice}
 */
export function choiceIn(work, page, line) {
  const { digits } = work.pages[page].lines[line];
  if (!digits.length) return { line, digit: -1 };
  const least = digits.reduce((found, digit, d) => (digit.confidence < digits[found].confidence ? d : found), 0);
  return { line, digit: work.state(page, line) === "doubtful" ? least : 0 };
}

/**
 * Numbers say what they were read as wherever that covers no other; those to be checked always do.
 * @param {number} zoom screen pixels for one of the page
 */
export function showFlags(zoom) {
  for (const frame of place.querySelectorAll(".line-frame")) {
    const { room, high } = frame.dataset;
    frame.classList.toggle("roomy", Number(room) * zoom >= FLAG_PX && Number(high) * zoom >= SMALL_PX);
  }
}

/**
 * How far it is from a number to the one above, px of the page.
 * @param {Box} box
 * @param {Box[]} all
 */
function roomAbove([x0, y0, x1], all) {
  const above = all.filter((other) => other[0] < x1 && other[2] > x0 && other[1] < y0);
  return y0 - Math.max(0, ...above.map((other) => other[3]));
}

/** @param {Choice | null} choice */
const keyOf = (choice) => (choice ? `${choice.line}:${choice.digit}` : "");

/**
 * @param {{box: Box}[]} digits
 * @param {Box | undefined} box
 */
function nearest(digits, box) {
  if (!box) return 0;
  const away = digits.map(({ box: other }) => Math.abs(other[0] + other[2] - box[0] - box[2]));
  return away.indexOf(Math.min(...away));
}

/**
 * @param {HTMLElement} element
 * @param {Box} box px of the page
 */
function put(element, [x0, y0, x1, y1]) {
  const values = { "--x": x0, "--y": y0, "--w": x1 - x0, "--h": y1 - y0 };
  for (const [name, value] of Object.entries(values)) element.style.setProperty(name, String(value));
  return element;
}
