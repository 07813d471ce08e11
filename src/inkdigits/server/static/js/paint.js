/** Strokes to ink on a canvas, and to the small picture that is sent. Knows no pointer and no server. */

/** @typedef {import("./types.js").Stroke} Stroke */
/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Cut} Cut */
/** @typedef {import("./strokes.js").Drawing} Drawing */

const TALL = 96; // px of ink: three times the height that the line network sees
const LONG = 1600; // px
const LEAST = 0.12; // of the sheet; smaller ink isn't blown up to the full height, a dot stays a dot
const MARGIN = 0.35; // of TALL, all around

/**
 * One stroke, smooth: curves through the middles of its segments, each as wide as the pen was pressed.
 * @param {CanvasRenderingContext2D} to
 * @param {Stroke} stroke
 * @param {View} view
 * @param {number} [from] the first point that is new
 */
export function paintStroke(to, { width, points }, view, from = 0) {
  const at = points.map(({ x, y }) => [view.x + x * view.scale, view.y + y * view.scale]);
  const thick = (/** @type {number} */ i) => width * points[i].pressure * view.scale;
  to.lineCap = to.lineJoin = "round";
  if (points.length === 1) {
    to.beginPath();
    to.arc(at[0][0], at[0][1], thick(0) / 2, 0, 2 * Math.PI);
    to.fill();
    return;
  }
  for (let i = Math.max(1, from); i < at.length; i += 1) {
    const [before, here] = [at[i - 1], at[i]];
    const earlier = at[i - 2];
    const start = earlier ? middle(earlier, before) : before;
    to.beginPath();
    to.lineWidth = thick(i);
    to.moveTo(start[0], start[1]);
    to.quadraticCurveTo(before[0], before[1], ...middle(before, here));
    if (i === at.length - 1) to.lineTo(here[0], here[1]);
    to.stroke();
  }
}

/**
 * @param {number[]} a
 * @param {number[]} b
 * @returns {[number, number]}
 */
const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];

/** @type {CanvasRenderingContext2D | null} */
let small = null;

/**
 * The drawing cut to its ink with a margin, dark on white; null when there is none.
 * @param {Drawing} drawing
 * @returns {Cut | null}
 */
export function cut(drawing) {
  const box = drawing.bounds();
  if (!box) return null;
  const [wide, high] = [box.x1 - box.x0, box.y1 - box.y0];
  const scale = Math.min(TALL / Math.max(high, LEAST), LONG / wide);
  const margin = MARGIN * TALL;
  small ??= /** @type {CanvasRenderingContext2D} */ (
    document.createElement("canvas").getContext("2d", { willReadFrequently: true, alpha: false }));
  const [width, height] = [Math.ceil(wide * scale + 2 * margin), Math.ceil(high * scale + 2 * margin)];
  Object.assign(small.canvas, { width, height });
  small.fillStyle = "#fff";
  small.fillRect(0, 0, width, height);
  small.fillStyle = small.strokeStyle = "#141414";
  const view = { scale, x: margin - box.x0 * scale, y: margin - box.y0 * scale };
  for (const stroke of drawing.strokes) if (stroke.points.length) paintStroke(small, stroke, view);
  return { blob: png(small.canvas), width, height, ink: [margin, margin, margin + wide * scale, margin + high * scale] };
}

/**
 * At once: `toBlob` waits until the page is idle, which it isn't while the pen moves.
 * @param {HTMLCanvasElement} canvas
 */
function png(canvas) {
  const [, base64] = canvas.toDataURL("image/png").split(",");
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type: "image/png" });
}
