/** Builds pieces of the page, and words for numbers. Knows no reading. */

/**
 * The element of an id, which the page is known to have.
 * @param {string} id
 * @returns {any}
 */
export const byId = (id) => document.getElementById(id);

/**
 * A new element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `class`, `aria-label` …; functions become listeners; null leaves one out
 * @param {...(Node | string | null)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * One of the drawings in the page's sprite.
 * @param {string} name
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}

/**
 * A probability for people: never rounded up to a certainty.
 * @param {number} p 0 to 1
 */
export function percent(p) {
  const tenths = Math.min(99.9, Math.floor(p * 1000) / 10);
  return p > 0 && tenths === 0 ? "<\u00a00.1%" : `${tenths.toFixed(1)}%`;
}

/**
 * The picture in an answer, as an address.
 * @param {string} base64
 * @param {string} [type]
 */
export const pictureUrl = (base64, type = "image/png") => `data:${type};base64,${base64}`;

/**
 * "1 number", "2 numbers".
 * @param {number} count
 * @param {string} one
 */
export const counted = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

/**
 * A button that does nothing for now says so, but keeps the keyboard's focus.
 * @param {HTMLElement} button
 * @param {boolean} can
 */
export function enable(button, can) {
  button.setAttribute("aria-disabled", String(!can));
}
