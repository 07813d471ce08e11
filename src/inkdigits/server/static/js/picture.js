/** Picture mode: a file is read, its page shown, its digits looked at and corrected, the numbers taken away. */
import { announce } from "./announce.js";
import { read } from "./api.js";
import { choiceIn, drawBoxes, led, markChosen, markLine, showFlags } from "./boxes.js";
import { insist } from "./connection.js";
import { Work } from "./corrections.js";
import { byId, counted, enable, make, pictureUrl } from "./elements.js";
import { ENDINGS, TYPES, written } from "./exports.js";
import { judged } from "./judge.js";
import { onOptions, options } from "./options.js";
import { drawChosen, drawNumbers } from "./side.js";
import { Viewer } from "./viewer.js";

/** @typedef {import("./boxes.js").Choice} Choice */

const viewer = new Viewer(showFlags);
const picture = byId("page-picture");
const boxes = byId("boxes");

let work = new Work([]);
let model = { name: "", version: "" };
/** @type {File | null} */
let file = null;
let page = 0;
/** @type {Choice | null} */
let choice = null;
let ending = new AbortController();

// ---- a file

/**
 * Reads a file and shows it; what was shown stays until then, and again if it can't be read.
 * @param {File} given
 */
export async function open(given) {
  ending.abort();
  ending = new AbortController();
  const { signal } = ending;
  show("busy");
  byId("busy-text").textContent = `Reading ${given.name} …`;
  announce(`Reading ${given.name}`, 0);
  try {
    const answer = await insist(() => readOne(given, signal), signal);
    if (signal.aborted) return;
    const found = new Work(answer.pages);
    await decoded(found, 0);
    if (signal.aborted) return;
    file = given;
    model = answer.model;
    work = found;
    show("page");
    draw(0);
    announce(`${counted(work.pages.flatMap(({ lines }) => lines).length, "number")}, ${work.doubts} to check`);
  } catch (error) {
    if (signal.aborted) return;
    const sentence = strip(/** @type {Error} */ (error).message, given.name);
    byId("failed").replaceChildren(make("b", {}, `${given.name}: `), sentence);
    show("failed");
    byId("failed").scrollIntoView({ block: "nearest" });
  }
}

/**
 * @param {File} given
 * @param {AbortSignal} signal
 */
async function readOne(given, signal) {
  const known = options();
  const answer = await read(given, known, signal);
  const isConstrained = Object.keys(known).some((name) => name !== "layout"); // the network for digits knows nothing of it
  return isConstrained ? answer : judged(given, answer, signal);
}

/**
 * The server's sentences begin with the file's name, too.
 * @param {string} sentence
 * @param {string} name
 */
const strip = (sentence, name) => (sentence.startsWith(`${name}: `) ? sentence.slice(name.length + 2) : sentence);

/** @param {"start" | "busy" | "failed" | "page"} what */
function show(what) {
  byId("busy").hidden = what !== "busy";
  byId("failed").hidden = what !== "failed";
  const isPage = what === "page" || (what === "failed" && file !== null);
  byId("page-grid").hidden = !isPage;
  byId("drop").hidden = isPage || what === "busy";
  byId("picture-intro").hidden = isPage;
  byId("apply").hidden = file === null;
}

function cancel() {
  ending.abort();
  show(file ? "page" : "start");
}

// ---- its pages

/** @param {number} to */
async function turnTo(to) {
  const turned = work;
  await decoded(turned, to);
  if (work === turned) draw(to);
}

/**
 * Waits for a page's picture: until it is there, what is shown belongs together.
 * @param {Work} whose
 * @param {number} to
 */
async function decoded(whose, to) {
  const { explanation } = whose.pages[to];
  if (explanation) picture.src = pictureUrl(explanation.picture, "image/jpeg");
  await picture.decode().catch(() => {}); // boxes and list are of use without it
}

/** @param {number} to */
function draw(to) {
  page = to;
  choice = null;
  const { width, height, source } = work.pages[page];
  picture.alt = `Page ${page + 1} of ${source ?? "the picture"}`;
  byId("file-name").textContent = source ?? "";
  byId("pager").hidden = work.pages.length < 2;
  byId("page-count").textContent = `${page + 1} of ${work.pages.length}`;
  enable(byId("page-back"), page > 0);
  enable(byId("page-on"), page < work.pages.length - 1);
  byId("sheet").style.setProperty("--page-width", String(width));
  byId("sheet").style.setProperty("--page-height", String(height));
  drawBoxes(work, page);
  viewer.open(width, height);
  refresh();
}

/** @param {number} by */
function turn(by) {
  if (work.pages[page + by]) turnTo(page + by);
}

function refresh() {
  drawNumbers(work, page, choice, actions);
  drawChosen(work, page, choice, picture, actions);
  enable(byId("undo-correction"), work.past.length > 0);
  enable(byId("redo-correction"), work.future.length > 0);
}

// ---- a digit

/**
 * @param {Choice | null} next
 * @param {boolean} focus
 */
function choose(next, focus) {
  choice = next;
  markChosen(choice, focus);
  if (choice) {
    const line = work.pages[page].lines[choice.line];
    viewer.reveal((line.digits[choice.digit] ?? line).box);
  }
  refresh();
}

/** @param {() => void} change to the chosen number */
function correct(change) {
  if (!choice) return;
  change();
  markLine(work, page, choice.line);
  refresh();
  announce(`${work.text(page, choice.line)}, ${work.state(page, choice.line)}`);
}

const actions = {
  choose: (/** @type {number} */ line) => {
    choose(choiceIn(work, page, line), false);
    byId("chosen").parentElement.scrollIntoView({ block: "nearest" }); // above a long list on a phone
  },
  setDigit: (/** @type {string} */ text) => correct(() => choice && work.setDigit(page, choice.line, choice.digit, text)),
  setText: (/** @type {string} */ text) => correct(() => choice && work.setText(page, choice.line, text)),
  confirm: () => {
    correct(() => choice && work.confirm(page, choice.line));
    actions.nextDoubt();
  },
  nextDoubt: async () => {
    const next = work.nextDoubt(page, choice?.line ?? -1);
    if (!next) return;
    if (next.page !== page) await turnTo(next.page);
    choose(choiceIn(work, page, next.line), true);
  },
};

/** @param {"undo" | "redo"} what */
async function step(what) {
  const done = work[what]();
  if (!done) return;
  if (done.page !== page) await turnTo(done.page);
  markLine(work, page, done.line);
  choose(choice?.line === done.line ? choice : choiceIn(work, page, done.line), document.activeElement?.closest("#boxes") !== null);
  announce(`${what === "undo" ? "Undone" : "Done again"}: ${work.text(page, done.line)}`);
}

/** @param {KeyboardEvent} event while a digit has the focus */
function onDigitKey(event) {
  if (!choice || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = led(work, page, choice, event.key);
  if (to) choose(to, true);
  else if (/^[0-9]$/.test(event.key)) actions.setDigit(event.key);
  else if (event.key === "Delete" || event.key === "Backspace") actions.setDigit("");
  else if (event.key === "Enter") actions.confirm();
  else if (event.key === "Escape") choose(null, false);
  else return;
  event.preventDefault();
}

/** Undo and pages, by keys, wherever the focus is in this mode. */
export function onKey(/** @type {KeyboardEvent} */ event) {
  if (byId("page-grid").hidden || /** @type {Element} */ (event.target).matches("input, select")) return;
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && key === "z") step(event.shiftKey ? "redo" : "undo");
  else if (command && key === "y") step("redo");
  else if (event.key === "PageDown" && work.pages.length > 1) turn(1);
  else if (event.key === "PageUp" && work.pages.length > 1) turn(-1);
  else return;
  event.preventDefault();
}

// ---- taking the numbers away

const format = () => /** @type {"text" | "csv" | "json"} */ (byId("format").value);

async function copy() {
  const label = byId("copy-button").lastChild;
  try {
    await navigator.clipboard.writeText(written(format(), work, model));
    label.textContent = "Copied";
    announce("Copied", 0);
  } catch {
    label.textContent = "Not allowed";
    announce("The browser doesn’t allow copying here", 0);
  }
  setTimeout(() => { label.textContent = "Copy"; }, 1800);
}

function download() {
  const blob = new Blob([written(format(), work, model)], { type: TYPES[format()] });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${(file?.name ?? "numbers").replace(/\.[^.]*$/, "")}.${ENDINGS[format()]}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function start() {
  const on = (/** @type {string} */ id, /** @type {() => void} */ act) => byId(id).addEventListener("click", act);
  on("cancel", cancel);
  on("page-back", () => turn(-1));
  on("page-on", () => turn(1));
  on("undo-correction", () => step("undo"));
  on("redo-correction", () => step("redo"));
  on("copy-button", copy);
  on("download-button", download);
  onOptions(() => { if (file) open(file); });
  boxes.addEventListener("keydown", onDigitKey);
  boxes.addEventListener("focusin", (/** @type {Event} */ event) => chooseAt(event, false));
  boxes.addEventListener("click", (/** @type {Event} */ event) => chooseAt(event, true));
  show("start");
}

/**
 * @param {Event} event at a digit's box
 * @param {boolean} focus
 */
function chooseAt(event, focus) {
  const { line, digit } = /** @type {HTMLElement} */ (event.target).dataset;
  if (line === undefined || (choice?.line === Number(line) && choice?.digit === Number(digit))) return;
  choose({ line: Number(line), digit: Number(digit) }, focus);
}
