/** What the server answers, and what the page makes of it. Types only: nothing here runs. */

/** @typedef {[number, number, number, number]} Box x0, y0, x1, y1 in pixels of the upright page */
/** @typedef {{text: string, confidence: number}} Alternative */
/** @typedef {{text: string, confidence: number, box: Box, alternatives: Alternative[]}} Digit */
/** @typedef {"blank" | "not_a_digit" | "unsure"} Reason */

/**
 * @typedef {object} Line One number.
 * @property {string} text
 * @property {string} raw with the marks between its digits
 * @property {number} confidence
 * @property {boolean} accepted
 * @property {Reason | null} reason
 * @property {Box} box
 * @property {Digit[]} digits
 * @property {Alternative[]} alternatives
 * @property {{strip: string | null, detail: string}} [explanation]
 */

/**
 * @typedef {object} Page
 * @property {string | null} source
 * @property {number} page
 * @property {number} width
 * @property {number} height
 * @property {string} text
 * @property {Line[]} lines
 * @property {{picture: string, scale: number}} [explanation]
 */

/**
 * @typedef {object} Classification
 * @property {number | null} digit
 * @property {number} confidence
 * @property {boolean} accepted
 * @property {Reason | null} reason
 * @property {number[]} probabilities
 * @property {{glyph: string | null, activation: string | null}} [explanation]
 */

/** @typedef {{name: string, version: string}} ModelName */

/**
 * @typedef {object} Verdict What is shown of a drawing.
 * @property {"empty" | "accepted" | "unsure" | "not_a_digit"} state
 * @property {string} sentence why
 * @property {number} confidence of all of it
 * @property {{text: string, confidence: number, alternatives: Alternative[]}[]} digits
 * @property {Alternative[]} alternatives other readings of all of it
 * @property {number[] | null} probabilities of the ten digits, for a single one
 */

/** @typedef {{x: number, y: number, pressure: number}} Point sheet units: the canvas's height is 1, x from its middle */
/** @typedef {{width: number, points: Point[]}} Stroke */
/** @typedef {{scale: number, x: number, y: number}} View sheet units to canvas pixels */

/**
 * @typedef {object} Cut A drawing as it is sent.
 * @property {Blob} blob a PNG, dark ink on white
 * @property {number} width px
 * @property {number} height px
 * @property {Box} ink px
 */

export {};
