/** Draw mode: while the pen moves, the newest drawing is read, one at a time. */
import { byId, enable, make } from "./elements.js";
import { insist } from "./connection.js";
import { judge, nothing } from "./judge.js";
import { cut } from "./paint.js";
import { Pen } from "./pen.js";
import { onChosen, show, showLate } from "./result.js";
import { point, see } from "./sees.js";

const LATE_MS = 1500; // from here on the last reading may not pass for that of the drawing

const canvas = byId("canvas");
const buttons = { undo: byId("undo-button"), redo: byId("redo-button"), clear: byId("clear-button") };
const pen = new Pen(canvas, changed);

let changes = 0; // how often the drawing has changed
let read = 0; // which of these has been read
let busy = false;
let ending = new AbortController();

/** The drawing is another: whatever shows that is brought up to date. */
function changed() {
  changes += 1;
  const { strokes, past, future } = pen.drawing;
  enable(buttons.undo, past.length > 0);
  enable(buttons.redo, future.length > 0);
  enable(buttons.clear, strokes.length > 0);
  byId("board-hint").hidden = strokes.length > 0;
  if (!strokes.length) return forget();
  if (!busy) refresh();
}

/** An empty sheet: what is being read doesn't matter any more. */
function forget() {
  ending.abort();
  ending = new AbortController();
  read = changes;
  show(nothing(), null);
  see(null);
}

/** Reads until nothing has changed since; at most one drawing is on its way, the newest goes next. */
async function refresh() {
  busy = true;
  while (read < changes) {
    const { signal } = ending;
    const late = setTimeout(showLate, LATE_MS);
    try {
      await insist(() => readNewest(signal), signal);
    } catch (error) {
      if (signal.aborted) continue; // the sheet was cleared; maybe there is new ink
      read = changes;
      fail(/** @type {Error} */ (error));
    } finally {
      clearTimeout(late);
    }
  }
  busy = false;
}

/** @param {AbortSignal} signal */
async function readNewest(signal) {
  const [at, began] = [changes, performance.now()];
  const picture = cut(pen.drawing);
  if (!picture) {
    read = at;
    return;
  }
  const { verdict, line, single } = await judge(picture, signal);
  if (signal.aborted) return;
  read = at;
  show(verdict, performance.now() - began);
  see(picture, line, single, verdict.digits.length > 0);
}

/** @param {Error} error */
function fail(error) {
  const answer = byId("answer");
  answer.dataset.state = "failed";
  answer.replaceChildren(make("p", { class: "sentence", role: "alert" }, error.message));
  see(null);
}

/** Undo and so on, by keys, wherever the focus is in this mode. */
export function onKey(/** @type {KeyboardEvent} */ event) {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && key === "z") pen.edit(event.shiftKey ? "redo" : "undo");
  else if (command && key === "y") pen.edit("redo");
  else if (event.key === "Delete" && !command) pen.edit("clear");
  else return;
  event.preventDefault();
}

export function start() {
  for (const [what, button] of Object.entries(buttons)) {
    button.addEventListener("click", () => pen.edit(/** @type {"undo" | "redo" | "clear"} */ (what)));
  }
  const width = byId("pen-width");
  const setWidth = () => { pen.width = Number(width.value); };
  width.addEventListener("input", setWidth);
  setWidth();
  onChosen(point);
  show(nothing(), null);
}
