/** What a person says about the numbers that were read: corrected, confirmed, undone. Knows no page elements. */

/** @typedef {import("./types.js").Page} Page */
/** @typedef {import("./types.js").Line} Line */

/**
 * @typedef {object} Said About one number.
 * @property {string} text what it is
 * @property {string[] | null} cells what each of its boxes holds; null when the text has another length
 */
/** @typedef {{page: number, line: number, before: Said | null, after: Said | null}} Step */

const DOUBTED = 0.95; // confidence below which a digit of a doubtful number is one of those to look at

export class Work {
  /** @param {Page[]} pages */
  constructor(pages) {
    this.pages = pages;
    /** @type {(Said | null)[][]} */
    this.said = pages.map((page) => page.lines.map(() => null));
    /** @type {Step[]} */
    this.past = [];
    /** @type {Step[]} */
    this.future = [];
  }

  /**
   * @param {number} page
   * @param {number} line
   * @returns {string} the number as it stands
   */
  text(page, line) {
    return this.said[page][line]?.text ?? this.pages[page].lines[line].text;
  }

  /**
   * @param {number} page
   * @param {number} line
   * @returns {string[] | null} what stands in each box of the number
   */
  cells(page, line) {
    const said = this.said[page][line];
    return said ? said.cells : this.pages[page].lines[line].digits.map((digit) => digit.text);
  }

  /**
   * @param {number} page
   * @param {number} line
   * @returns {"accepted" | "doubtful" | "nothing" | "corrected" | "confirmed"} nothing: there is no number
   */
  state(page, line) {
    const [said, read] = [this.said[page][line], this.pages[page].lines[line]];
    if (said) return said.text === read.text ? "confirmed" : "corrected";
    if (!read.text && read.reason !== "unsure") return "nothing"; // unsure: nothing fits what is known
    return read.accepted ? "accepted" : "doubtful";
  }

  /** How many numbers are still to be looked at. */
  get doubts() {
    return this.said.flatMap((page, p) => page.filter((_, l) => this.state(p, l) === "doubtful")).length;
  }

  /**
   * The next doubtful number after one, round about; null when there is none.
   * @param {number} page
   * @param {number} line
   * @returns {{page: number, line: number} | null}
   */
  nextDoubt(page, line) {
    const all = this.said.flatMap((lines, p) => lines.map((_, l) => ({ page: p, line: l })));
    const here = all.findIndex((one) => one.page === page && one.line === line);
    const order = [...all.slice(here + 1), ...all.slice(0, here + 1)];
    return order.find((one) => this.state(one.page, one.line) === "doubtful") ?? null;
  }

  /**
   * @param {number} page
   * @param {number} line
   * @param {number} digit
   * @param {string} text a digit; empty when there is none in that box
   */
  setDigit(page, line, digit, text) {
    const cells = [...(this.cells(page, line) ?? this.pages[page].lines[line].digits.map((one) => one.text))];
    cells[digit] = text;
    this.change(page, line, { text: cells.join(""), cells });
  }

  /**
   * @param {number} page
   * @param {number} line
   * @param {string} text
   */
  setText(page, line, text) {
    const fits = text.length === this.pages[page].lines[line].digits.length;
    this.change(page, line, { text, cells: fits ? [...text] : null });
  }

  /**
   * The number is right as it stands.
   * @param {number} page
   * @param {number} line
   */
  confirm(page, line) {
    if (this.state(page, line) === "doubtful") {
      this.change(page, line, { text: this.text(page, line), cells: this.cells(page, line) });
    }
  }

  /**
   * @param {number} page
   * @param {number} line
   * @param {Said} after
   */
  change(page, line, after) {
    const before = this.said[page][line];
    if (before && before.text === after.text && String(before.cells) === String(after.cells)) return;
    this.past.push({ page, line, before, after });
    this.future = [];
    this.said[page][line] = after;
  }

  /** @returns {Step | null} what was undone */
  undo() {
    const step = this.past.pop() ?? null;
    if (step) {
      this.future.push(step);
      this.said[step.page][step.line] = step.before;
    }
    return step;
  }

  /** @returns {Step | null} what was done again */
  redo() {
    const step = this.future.pop() ?? null;
    if (step) {
      this.past.push(step);
      this.said[step.page][step.line] = step.after;
    }
    return step;
  }
}

/**
 * Whether a digit is one of those that make its number doubtful.
 * @param {Line} line
 * @param {number} digit
 */
export function isDoubted(line, digit) {
  if (line.accepted) return false;
  const least = Math.min(...line.digits.map(({ confidence }) => confidence));
  const { confidence } = line.digits[digit];
  return confidence < DOUBTED || confidence === least;
}
