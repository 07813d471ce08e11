/** Zoom and pan of the page: wheel, pinch, drag, keys and buttons. Knows no digits. */
import { byId } from "./elements.js";

const MOST = 8; // screen pixels for one of the page
const LARGEST_FIT = 3; // a small picture isn't blown up further by itself
const STEP = 1.3;
const CLICK_PX = 5; // less isn't a drag
const ROOM = 12; // px around a page that fits

export class Viewer {
  /** @param {(zoom: number) => void} zoomed told when the page is shown larger or smaller */
  constructor(zoomed) {
    this.zoomed = zoomed;
    this.frame = byId("viewer");
    this.sheet = byId("sheet");
    this.size = { width: 1, height: 1 };
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    this.fitted = true;
    /** @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    this.dragged = false;
    const { frame } = this;
    frame.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false });
    frame.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.down(event));
    addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, (event) => this.up(/** @type {PointerEvent} */ (event)));
    frame.addEventListener("click", (/** @type {Event} */ event) => { if (this.dragged) event.stopPropagation(); }, true);
    frame.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
    frame.addEventListener("scroll", () => frame.scrollTo(0, 0)); // focus moves the page by `reveal` alone
    new ResizeObserver(() => { if (this.fitted) this.fit(); else this.place(); }).observe(frame);
    byId("zoom-in").addEventListener("click", () => this.zoomBy(STEP));
    byId("zoom-out").addEventListener("click", () => this.zoomBy(1 / STEP));
    byId("zoom-fit").addEventListener("click", () => this.fit());
  }

  /**
   * @param {number} width of the page, px
   * @param {number} height px
   */
  open(width, height) {
    this.size = { width, height };
    this.frame.style.setProperty("--ratio", String(width / height));
    this.fit();
  }

  /** The zoom at which all of the page is seen. */
  get whole() {
    const { clientWidth, clientHeight } = this.frame;
    const { width, height } = this.size;
    return Math.min((clientWidth - 2 * ROOM) / width, (clientHeight - 2 * ROOM) / height, LARGEST_FIT);
  }

  fit() {
    if (!this.frame.clientWidth) return;
    this.zoom = this.whole;
    this.fitted = true;
    this.place();
  }

  /**
   * @param {number} times
   * @param {number} [x] what stays where it is, px of the frame; its middle
   * @param {number} [y]
   */
  zoomBy(times, x = this.frame.clientWidth / 2, y = this.frame.clientHeight / 2) {
    const zoom = Math.min(MOST, Math.max(this.whole, this.zoom * times));
    this.x = x - (x - this.x) * (zoom / this.zoom);
    this.y = y - (y - this.y) * (zoom / this.zoom);
    this.zoom = zoom;
    this.fitted = zoom === this.whole;
    this.place();
  }

  /** Keeps the page in the frame and puts it there. */
  place() {
    const { clientWidth, clientHeight } = this.frame;
    this.x = within(this.x, clientWidth, this.size.width * this.zoom);
    this.y = within(this.y, clientHeight, this.size.height * this.zoom);
    const { style } = this.sheet;
    style.setProperty("--zoom", String(this.zoom));
    style.setProperty("transform", `translate(${Math.round(this.x)}px, ${Math.round(this.y)}px)`);
    this.frame.classList.toggle("zoomed", !this.fitted);
    this.zoomed(this.zoom);
  }

  /**
   * Moves the page, if need be, so that a box on it is seen.
   * @param {import("./types.js").Box} box px of the page
   */
  reveal([x0, y0, x1, y1]) {
    const room = 40;
    this.x += shift(this.x + x0 * this.zoom - room, this.x + x1 * this.zoom + room, this.frame.clientWidth);
    this.y += shift(this.y + y0 * this.zoom - room, this.y + y1 * this.zoom + room, this.frame.clientHeight);
    this.place();
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const place = this.frame.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.004)), event.clientX - place.left, event.clientY - place.top);
    } else if (this.fitted) return; // the window scrolls
    else {
      this.x -= event.deltaX;
      this.y -= event.deltaY;
      this.place();
    }
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.pointers.size === 1) this.dragged = false;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const here = { x: event.clientX, y: event.clientY };
    if (this.pointers.size === 2) this.pinch(event.pointerId, last, here);
    else if (!this.dragged && Math.hypot(here.x - last.x, here.y - last.y) < CLICK_PX) return;
    else if (!this.fitted) {
      this.x += here.x - last.x;
      this.y += here.y - last.y;
      this.dragged = true;
      this.place();
    }
    this.pointers.set(event.pointerId, here);
  }

  /**
   * @param {number} id the finger that moves
   * @param {{x: number, y: number}} last
   * @param {{x: number, y: number}} here
   */
  pinch(id, last, here) {
    const [, other] = [...this.pointers].find(([one]) => one !== id) ?? [0, here];
    const place = this.frame.getBoundingClientRect();
    const apart = (/** @type {{x: number, y: number}} */ point) => Math.hypot(point.x - other.x, point.y - other.y);
    this.dragged = true;
    this.zoomBy(apart(here) / Math.max(1, apart(last)), (here.x + other.x) / 2 - place.left, (here.y + other.y) / 2 - place.top);
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.pointers.delete(event.pointerId);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own zoom stays the reader's
    if (event.key === "+" || event.key === "=") this.zoomBy(STEP);
    else if (event.key === "-") this.zoomBy(1 / STEP);
    else if (event.key === "f") this.fit();
    else return;
    event.preventDefault();
  }
}

/**
 * Where a page begins: in the middle when it fits, else without room at its ends.
 * @param {number} at
 * @param {number} frame px
 * @param {number} page px
 */
const within = (at, frame, page) => (page <= frame ? (frame - page) / 2 : Math.min(ROOM, Math.max(frame - page - ROOM, at)));

/**
 * @param {number} from
 * @param {number} to
 * @param {number} frame px
 */
const shift = (from, to, frame) => (from < 0 ? -from : to > frame ? frame - to : 0);
