/** What the networks see: the glyph, where they looked, the strip with a box a digit. Draws, asks nobody. */
import { byId, make, pictureUrl } from "./elements.js";

/** @typedef {import("./types.js").Line} Line */
/** @typedef {import("./types.js").Classification} Classification */
/** @typedef {import("./types.js").Cut} Cut */

const place = byId("sees");
const FINE = 8; // canvas pixels for one of the glyph
const STRIP_FINE = 4; // and for one of the strip
const HEAT = [255, 176, 0]; // a single hue whose strength is its opacity: safe for all eyes
const MANY = 10; // digits from which on their boxes are drawn finer
const STRETCH = 1.5; // how much wider a strip is than the picture, see strip.py

let asked = 0;

/**
 * @param {Cut | null} cut
 * @param {Line} [line]
 * @param {Classification | null} [single]
 * @param {boolean} [isDigit] whether an answer stands that the heat could explain
 */
export async function see(cut, line, single, isDigit = true) {
  const turn = ++asked;
  const figures = !cut ? [] : single ? await glyphFigures(single, isDigit) : line ? await stripFigures(cut, line) : [];
  if (turn !== asked) return; // a newer one is being drawn
  place.hidden = !figures.length;
  const title = make("h2", {}, "What the network sees");
  place.replaceChildren(...(figures.length ? [title, make("div", { class: "figures" }, ...figures)] : []));
}

/** @param {number} chosen outlines the box of this digit, -1 none */
export function point(chosen) {
  place.querySelectorAll(".strip-box").forEach((/** @type {Element} */ box, /** @type {number} */ i) =>
    box.classList.toggle("chosen", i === chosen));
}

/**
 * @param {Classification} single
 * @param {boolean} isDigit
 */
async function glyphFigures(single, isDigit) {
  const { glyph, activation } = single.explanation ?? {};
  if (!glyph) return [];
  const picture = await loaded(glyph);
  const figures = [figure(enlarged(picture, FINE), "28 × 28 pixels, centred", "The 28 by 28 pixels that the network was given", null)];
  if (activation && isDigit) {
    const canvas = enlarged(picture, FINE);
    overlay(canvas, await loaded(activation));
    figures.push(figure(canvas, "Where it looked", "The same pixels, brightest where the network looked", legend()));
  }
  return figures;
}

/**
 * @param {Cut} cut
 * @param {Line} line
 */
async function stripFigures(cut, line) {
  if (!line.explanation?.strip) return [];
  const strip = await loaded(line.explanation.strip);
  const holder = make("div", { class: "strip-holder" }, enlarged(strip, STRIP_FINE), ...stripBoxes(cut, line, strip));
  holder.classList.toggle("many", line.digits.length > MANY);
  holder.style.setProperty("--ratio", String(strip.width / strip.height));
  const caption = `32 × ${strip.width} pixels, light and ink evened`;
  return [figure(holder, caption, `The ${strip.width} by 32 pixels that the network was given, with ${line.digits.length} digits in boxes`, null, "wide")];
}

/**
 * A box a digit on the strip, which is rows of the cut around its ink, 32 pixels high.
 * @param {Cut} cut
 * @param {Line} line
 * @param {HTMLImageElement} strip
 */
function stripBoxes(cut, line, strip) {
  const high = (cut.width * STRETCH * strip.height) / strip.width; // rows of the cut that are in the strip
  const top = Math.max(0, Math.min(cut.height - high, (cut.ink[1] + cut.ink[3]) / 2 - high / 2));
  return line.digits.map(({ box: [x0, y0, x1, y1] }) => {
    const box = make("span", { class: "strip-box" });
    const share = (/** @type {number} */ value, /** @type {number} */ all) => `${(100 * Math.min(all, Math.max(0, value))) / all}%`;
    box.style.setProperty("left", share(x0, cut.width));
    box.style.setProperty("width", share(x1 - x0, cut.width));
    box.style.setProperty("top", share(y0 - top, high));
    box.style.setProperty("height", share(y1 - y0, high));
    return box;
  });
}

/**
 * @param {HTMLElement} shown
 * @param {string} caption
 * @param {string} description for those who can't see it
 * @param {HTMLElement | null} below
 * @param {string} [kind]
 */
function figure(shown, caption, description, below, kind = "") {
  shown.setAttribute("role", "img");
  shown.setAttribute("aria-label", description);
  return make("figure", { class: kind }, shown, make("figcaption", {}, caption, below));
}

/**
 * @param {HTMLImageElement} picture
 * @param {number} times
 */
function enlarged(picture, times) {
  const canvas = make("canvas", { width: picture.width * times, height: picture.height * times, class: "pixels" });
  const to = canvas.getContext("2d");
  to.imageSmoothingEnabled = false;
  to.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLImageElement} activation grey, 255 where it counted most
 */
function overlay(canvas, activation) {
  const heat = make("canvas", { width: activation.width, height: activation.height });
  const on = heat.getContext("2d", { willReadFrequently: true });
  on.drawImage(activation, 0, 0);
  const pixels = on.getImageData(0, 0, heat.width, heat.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const strength = pixels.data[i] / 255;
    pixels.data.set(HEAT, i);
    pixels.data[i + 3] = 205 * strength ** 1.4; // what counted little stays dark
  }
  on.putImageData(pixels, 0, 0);
  const to = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  to.imageSmoothingEnabled = true;
  to.drawImage(heat, 0, 0, canvas.width, canvas.height);
}

const legend = () => make("span", { class: "legend", "aria-hidden": "true" }, "little ", make("i"), " much");

/**
 * @param {string} base64
 * @returns {Promise<HTMLImageElement>}
 */
async function loaded(base64) {
  const picture = new Image();
  picture.src = pictureUrl(base64);
  await picture.decode();
  return picture;
}
