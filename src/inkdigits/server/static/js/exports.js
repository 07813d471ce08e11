/** The numbers as text, CSV or JSON, corrections in them and marked. Knows no page elements. */

/** @typedef {import("./corrections.js").Work} Work */
/** @typedef {import("./types.js").ModelName} ModelName */

export const TYPES = { text: "text/plain", csv: "text/csv", json: "application/json" };
export const ENDINGS = { text: "txt", csv: "csv", json: "json" };

const COLUMNS = ["source", "page", "line", "text", "raw", "confidence", "accepted", "reason", "corrected", "x0", "y0", "x1", "y1"];

/**
 * @param {"text" | "csv" | "json"} format
 * @param {Work} work
 * @param {ModelName} model
 */
export function written(format, work, model) {
  if (format === "csv") return csv(work);
  return format === "json" ? json(work, model) : text(work);
}

/**
 * A number a line, as `inkdigits read` prints them: doubtful ones begin with `?`.
 * @param {Work} work
 */
function text(work) {
  const lines = answers(work).map((line) => {
    if (line.corrected) return `${line.text || "-"}  corrected`;
    if (line.accepted) return line.text;
    const sure = line.text ? `  ${(Math.floor(line.confidence * 1000) / 10).toFixed(1)}%` : "";
    return `? ${line.text || "-"}${sure}  ${(line.reason ?? "unsure").replaceAll("_", " ")}`;
  });
  return `${lines.join("\n")}\n`;
}

/**
 * As RFC 4180 has it; texts in quotes, so that a spreadsheet can keep a number's first zeros.
 * @param {Work} work
 */
function csv(work) {
  const rows = answers(work).map(({ source, page, place, ...line }) => [
    source, page, place, line.text, line.raw, line.confidence, String(line.accepted), line.reason ?? "", String(line.corrected ?? false), ...line.box,
  ]);
  return [COLUMNS, ...rows].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}

/** @param {string | number} value */
function field(value) {
  if (typeof value === "number") return String(value);
  const safe = value.length > 1 && /^[=+\-@＝＋－＠]/.test(value) ? `./${value}` : value; // no formula in a file's name
  return `"${safe.replaceAll('"', '""')}"`;
}

/**
 * The server's own answer without its explanations; a corrected number also has `corrected` and what was `read`.
 * @param {Work} work
 * @param {ModelName} model
 */
function json(work, model) {
  const pages = work.pages.map(({ explanation, ...page }, p) => {
    const lines = page.lines.map((_, l) => answer(work, p, l));
    return { ...page, text: lines.map((line) => line.text).filter(Boolean).join("\n"), lines };
  });
  return `${JSON.stringify({ model, results: [{ source: work.pages[0]?.source ?? null, pages }] }, null, 2)}\n`;
}

/** @param {Work} work */
function answers(work) {
  return work.pages.flatMap((page, p) => page.lines.map((_, l) => ({
    source: page.source ?? "", page: page.page, place: l + 1, ...answer(work, p, l),
  })));
}

/**
 * One number as it stands now.
 * @param {Work} work
 * @param {number} page
 * @param {number} line
 * @returns {any}
 */
function answer(work, page, line) {
  const { explanation, ...read } = work.pages[page].lines[line];
  const said = work.said[page][line];
  if (!said) return read;
  const judged = { ...read, accepted: true, reason: null };
  if (said.text === read.text) return { ...judged, confirmed: true };
  return { ...judged, text: said.text, raw: marked(read.raw, said.text, read.text), digits: digitsOf(read, said), corrected: true, read: read.text };
}

/**
 * The marks between the digits stay where they were, if the digits still fit.
 * @param {string} raw
 * @param {string} text
 * @param {string} before
 */
function marked(raw, text, before) {
  if (text.length !== before.length) return text;
  const rest = [...text];
  return raw.replace(/[0-9]/g, () => rest.shift() ?? "");
}

/**
 * @param {import("./types.js").Line} read
 * @param {import("./corrections.js").Said} said
 */
function digitsOf(read, said) {
  const { cells } = said;
  if (!cells) return [...said.text].map((digit) => ({ text: digit, corrected: true }));
  return read.digits
    .map((digit, i) => (cells[i] === digit.text ? digit : { ...digit, text: cells[i], corrected: true, read: digit.text }))
    .filter((digit) => digit.text);
}
