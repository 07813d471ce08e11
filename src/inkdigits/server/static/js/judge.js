/** What a picture of one number, one digit or neither is: asks both networks and weighs their answers. */
import { Problem, classify, read } from "./api.js";
import { percent } from "./elements.js";

/** @typedef {import("./types.js").Line} Line */
/** @typedef {import("./types.js").Classification} Classification */
/** @typedef {import("./types.js").Verdict} Verdict */
/** @typedef {import("./types.js").Cut} Cut */

const EITHER = 0.9; // probability of two digits together from which on it is one of them
const SLIM = 1.1; // widths for a height; a drawing this slim is likely a single digit: both are asked at once

/**
 * Reads a drawing. The line network reads numbers; where it finds one digit at most, the network for single
 * digits, which was taught what is none, decides.
 *
 * @param {Cut} cut
 * @param {AbortSignal} signal
 * @returns {Promise<{verdict: Verdict, line: Line, single: Classification | null}>}
 */
export async function judge(cut, signal) {
  const [x0, y0, x1, y1] = cut.ink;
  const early = x1 - x0 < SLIM * (y1 - y0) ? classify(cut.blob, signal) : null;
  early?.catch(() => {}); // awaited below, or not needed after all
  const { pages } = await read(cut.blob, { layout: "line" }, signal);
  const line = pages[0].lines[0];
  const single = line.digits.length > 1 ? null : await (early ?? classify(cut.blob, signal));
  return { verdict: verdictOn(line, single), line, single };
}

/**
 * @param {Line} line
 * @param {Classification | null} single
 * @returns {Verdict}
 */
export function verdictOn(line, single) {
  return single ? verdictOnDigit(line, single) : verdictOnNumber(line);
}

/** @returns {Verdict} */
export const nothing = () => ({
  state: "empty", sentence: "", confidence: 0, digits: [], alternatives: [], probabilities: null,
});

/**
 * @param {string} sentence
 * @returns {Verdict}
 */
const notADigit = (sentence) => ({ ...nothing(), state: "not_a_digit", sentence });

/**
 * @param {Line} line
 * @returns {Verdict}
 */
function verdictOnNumber(line) {
  if (line.reason === "not_a_digit" || line.reason === "blank") {
    return notADigit(line.explanation?.detail ?? "Most of it is neither digits nor marks.");
  }
  return {
    state: line.accepted ? "accepted" : "unsure",
    sentence: line.explanation?.detail ?? "",
    confidence: line.confidence,
    digits: line.digits,
    alternatives: line.alternatives,
    probabilities: null,
  };
}

/**
 * A single shape is accepted when the network for digits is sure and the one for numbers sees the same.
 * @param {Line} line
 * @param {Classification} single
 * @returns {Verdict}
 */
function verdictOnDigit(line, single) {
  if (single.reason === "blank") return nothing();
  const doubted = line.text === "" && !single.accepted; // neither is sure of any digit
  const between = ambiguous(line, single);
  if (between) return between;
  if (single.digit === null || single.reason === "not_a_digit" || doubted) {
    return { ...notADigit("Nothing in it looks enough like a digit."), probabilities: single.probabilities };
  }
  const alternatives = ranked(single.probabilities).filter(({ text }) => text !== String(single.digit)).slice(0, 3);
  const agreed = line.text === String(single.digit);
  return {
    state: single.accepted && agreed ? "accepted" : "unsure",
    sentence: sentenceOn(line, single, agreed, alternatives[0]),
    confidence: single.confidence,
    digits: [{ text: String(single.digit), confidence: single.confidence, alternatives }],
    alternatives,
    probabilities: single.probabilities,
  };
}

/**
 * Split between two digits, one of which the network for numbers reads: a 1 or a 7, and no scribble, for which
 * all digits are alike. Null when it isn't so.
 * @param {Line} line
 * @param {Classification} single
 * @returns {Verdict | null}
 */
function ambiguous(line, single) {
  const [first, second] = ranked(single.probabilities);
  if (single.reason !== "not_a_digit" || first.confidence + second.confidence < EITHER) return null;
  if (line.text !== first.text && line.text !== second.text) return null;
  const [here, other] = line.text === first.text ? [first, second] : [second, first];
  return {
    state: "unsure",
    sentence: `It may be a ${here.text} or a ${other.text}: have a look yourself.`,
    confidence: here.confidence,
    digits: [{ ...here, alternatives: [other] }],
    alternatives: [other],
    probabilities: single.probabilities,
  };
}

/**
 * @param {Line} line
 * @param {Classification} single
 * @param {boolean} agreed
 * @param {{text: string, confidence: number}} next
 */
function sentenceOn(line, single, agreed, next) {
  if (!agreed && line.text) return `One network reads a ${single.digit}, the other a ${line.text}: have a look yourself.`;
  if (!agreed) return `One network reads a ${single.digit}, the other finds no digit at all: have a look yourself.`;
  if (single.accepted) return "Sure enough to use without looking.";
  return `It looks like a ${single.digit}, but a ${next.text} is possible (${percent(next.confidence)}).`;
}

/** @param {number[]} probabilities of the digits */
function ranked(probabilities) {
  return probabilities
    .map((confidence, digit) => ({ text: String(digit), confidence }))
    .sort((a, b) => b.confidence - a.confidence);
}

/**
 * An answer on a picture; where it is but one number of at most one digit, the network for digits decides, too.
 *
 * @template {{pages: import("./types.js").Page[]}} Answer
 * @param {Blob} picture
 * @param {Answer} answer
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
export async function judged(picture, answer, signal) {
  const [page, ...others] = answer.pages;
  if (!page || others.length || page.lines.length !== 1 || page.lines[0].digits.length > 1) return answer;
  const [line] = page.lines;
  if (line.reason === "blank") return answer;
  try {
    const verdict = verdictOnDigit(line, await classify(picture, signal));
    return { ...answer, pages: [{ ...page, text: verdict.digits[0]?.text ?? "", lines: [asLine(line, verdict)] }] };
  } catch (error) {
    if (error instanceof Problem && error.retryAfter === null && error.status !== 401) return answer; // a document
    throw error;
  }
}

/**
 * @param {Line} line
 * @param {Verdict} verdict
 * @returns {Line}
 */
function asLine(line, verdict) {
  const { state, confidence, sentence, alternatives } = verdict;
  const text = verdict.digits[0]?.text ?? "";
  const box = line.digits[0]?.box ?? line.box;
  return {
    ...line, text, raw: text === line.text ? line.raw : text, confidence, alternatives,
    accepted: state === "accepted",
    reason: state === "accepted" ? null : state === "unsure" ? "unsure" : "not_a_digit",
    digits: verdict.digits.map((digit) => ({ ...digit, box })),
    explanation: { strip: line.explanation?.strip ?? null, detail: sentence },
  };
}
