/** A drawing as vectors, with undo. Knows no canvas and no pointer. */

/** @typedef {import("./types.js").Stroke} Stroke */
/** @typedef {import("./types.js").View} View */

export class Drawing {
  constructor() {
    /** @type {Stroke[]} */
    this.strokes = [];
    /** @type {Stroke[][]} */
    this.past = [];
    /** @type {Stroke[][]} */
    this.future = [];
  }

  /**
   * A new stroke, whose points the caller adds.
   * @param {number} width sheet units
   * @returns {Stroke}
   */
  begin(width) {
    const stroke = { width, points: [] };
    this.change([...this.strokes, stroke]);
    return stroke;
  }

  clear() {
    if (this.strokes.length) this.change([]);
  }

  /** @param {Stroke[]} strokes */
  change(strokes) {
    this.past.push(this.strokes);
    this.future = [];
    this.strokes = strokes;
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    this.future.push(this.strokes);
    this.strokes = before;
  }

  redo() {
    const after = this.future.pop();
    if (!after) return;
    this.past.push(this.strokes);
    this.strokes = after;
  }

  /**
   * The box of all ink in sheet units; null without any.
   * @returns {{x0: number, y0: number, x1: number, y1: number} | null}
   */
  bounds() {
    const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
    for (const { width, points } of this.strokes) {
      for (const { x, y, pressure } of points) {
        const half = (width * pressure) / 2;
        box.x0 = Math.min(box.x0, x - half);
        box.y0 = Math.min(box.y0, y - half);
        box.x1 = Math.max(box.x1, x + half);
        box.y1 = Math.max(box.y1, y + half);
      }
    }
    return box.x0 < box.x1 ? box : null;
  }

  /**
   * How the sheet lies on a canvas: as high as it is, and smaller only where ink would fall off its sides.
   * @param {number} width px
   * @param {number} height px
   * @returns {View}
   */
  view(width, height) {
    const box = this.bounds();
    const reach = box ? Math.max(-box.x0, box.x1, 0) + 0.02 : 0;
    const scale = reach ? Math.min(height, width / 2 / reach) : height;
    return { scale, x: width / 2, y: (height - scale) / 2 };
  }
}
