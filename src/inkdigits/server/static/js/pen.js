/** Mouse, pen, finger and keys to strokes on the canvas. Knows no server. */
import { paintStroke } from "./paint.js";
import { Drawing } from "./strokes.js";

/** @typedef {import("./types.js").Stroke} Stroke */

const STEP = 0.03; // of the sheet, one press of an arrow key
const KEYS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
});

export class Pen {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} changed called whenever the drawing is another
   */
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.drawing = new Drawing();
    this.width = 16; // px on the canvas
    this.view = { scale: 1, x: 0, y: 0 };
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { desynchronized: true }));
    /** @type {Stroke | null} */
    this.stroke = null;
    this.pointer = -1;
    /** @type {{x: number, y: number} | null} where the pen of the keyboard is; it has none before an arrow */
    this.cursor = null;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.up(/** @type {PointerEvent} */ (event)));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.putAway());
    new ResizeObserver(() => this.resize()).observe(canvas);
    addEventListener("themechange", () => this.paint());
  }

  // ---- pointers

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0 || this.stroke) return;
    this.putAway();
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = this.drawing.begin(this.width / this.view.scale);
    this.extend([event]);
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const every = event.getCoalescedEvents?.() ?? [];
    this.extend(every.length ? every : [event]);
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    this.stroke = null;
    this.paint();
    this.changed();
  }

  /** @param {PointerEvent[]} events */
  extend(events) {
    const stroke = /** @type {Stroke} */ (this.stroke);
    const place = this.canvas.getBoundingClientRect();
    const from = stroke.points.length;
    for (const event of events) {
      const x = (event.clientX - place.left - this.view.x) / this.view.scale;
      const y = (event.clientY - place.top - this.view.y) / this.view.scale;
      const last = stroke.points.at(-1);
      if (last && Math.hypot(x - last.x, y - last.y) * this.view.scale < 0.75) continue; // a hand that rests
      stroke.points.push({ x, y, pressure: pressureOf(event) });
    }
    if (stroke.points.length > from) this.lengthened(stroke, from);
  }

  /**
   * @param {Stroke} stroke
   * @param {number} from
   */
  lengthened(stroke, from) {
    paintStroke(this.context, stroke, this.view, from);
    this.changed();
  }

  // ---- keys

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") this.toggle();
    else if (KEYS[event.key]) this.step(...KEYS[event.key], event.shiftKey ? 4 : 1);
    else return;
    event.preventDefault();
  }

  toggle() {
    this.cursor ??= { x: 0, y: 0.5 };
    if (this.stroke) this.stroke = null;
    else {
      this.stroke = this.drawing.begin(this.width / this.view.scale);
      this.stroke.points.push({ ...this.cursor, pressure: 1 });
    }
    this.changed();
    this.paint();
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} times
   */
  step(x, y, times) {
    const { x: x0, y: y0 } = this.cursor ?? { x: 0, y: 0.5 };
    const side = this.canvas.clientWidth / 2 / this.view.scale;
    this.cursor = {
      x: Math.min(side, Math.max(-side, x0 + x * times * STEP)),
      y: Math.min(1, Math.max(0, y0 + y * times * STEP)),
    };
    if (this.stroke) {
      this.stroke.points.push({ ...this.cursor, pressure: 1 });
      this.changed();
    }
    this.paint();
  }

  putAway() {
    if (!this.cursor) return;
    this.cursor = null;
    this.stroke = null;
    this.paint();
  }

  // ---- the drawing as a whole

  /** @param {"undo" | "redo" | "clear"} what */
  edit(what) {
    this.stroke = null;
    this.drawing[what]();
    this.resize();
    this.changed();
  }

  /** Fits the bitmap to the canvas's place, and the drawing to it. */
  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return; // the other mode is shown
    const fine = Math.min(devicePixelRatio || 1, 3);
    const [width, height] = [Math.round(clientWidth * fine), Math.round(clientHeight * fine)];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.setTransform(fine, 0, 0, fine, 0, 0);
    if (!this.stroke) this.view = this.drawing.view(clientWidth, clientHeight);
    this.paint();
  }

  paint() {
    const { context, canvas } = this;
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    context.fillStyle = context.strokeStyle = style.color;
    for (const stroke of this.drawing.strokes) if (stroke.points.length) paintStroke(context, stroke, this.view);
    if (this.cursor) this.paintCursor(style.getPropertyValue("--accent"));
  }

  /** @param {string} colour */
  paintCursor(colour) {
    const { context, view, cursor } = this;
    const [x, y] = [view.x + (cursor?.x ?? 0) * view.scale, view.y + (cursor?.y ?? 0) * view.scale];
    context.save();
    context.lineWidth = 2.5;
    context.strokeStyle = context.fillStyle = colour;
    context.beginPath();
    context.arc(x, y, Math.max(7, this.width / 2 + 3), 0, 2 * Math.PI);
    context.stroke();
    if (this.stroke) context.fill();
    context.restore();
  }
}

/**
 * How much wider or thinner than usual the line is: pens know, mice and fingers don't.
 * @param {PointerEvent} event
 */
function pressureOf(event) {
  return event.pointerType === "pen" && event.pressure > 0 ? 0.5 + event.pressure : 1;
}
