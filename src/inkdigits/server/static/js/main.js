/** The page as a whole: two modes, examples, keys. Knows which part does what, and does little itself. */
import { introduce } from "./connection.js";
import * as draw from "./draw.js";
import { byId, make } from "./elements.js";
import { onFiles } from "./files.js";
import * as picture from "./picture.js";

const MODES = { draw, picture };
const EXAMPLES = [
  { file: "amount.png", name: "An amount", note: "off a cheque" },
  { file: "form.png", name: "A form", note: "fields and a table" },
  { file: "photo.jpg", name: "A photo", note: "of a page" },
  { file: "scan.pdf", name: "A PDF", note: "two pages" },
  { file: "horse.png", name: "A horse", note: "not a digit" },
];

/** @param {"draw" | "picture"} mode */
function enter(mode) {
  for (const name of Object.keys(MODES)) {
    byId(name).hidden = name !== mode;
    byId(`tab-${name}`).setAttribute("aria-selected", String(name === mode));
    byId(`tab-${name}`).tabIndex = name === mode ? 0 : -1;
  }
  history.replaceState(null, "", mode === "draw" ? location.pathname : "#picture");
}

const shown = () => /** @type {"draw" | "picture"} */ (byId("draw").hidden ? "picture" : "draw");

/** @param {File} file */
function take(file) {
  enter("picture");
  picture.open(file);
}

/** @param {string} name */
async function takeExample(name) {
  enter("picture");
  byId("picture").scrollIntoView({ block: "nearest" });
  const blob = await (await fetch(`examples/${name}`)).blob();
  take(new File([blob], name, { type: blob.type }));
}

function listExamples() {
  byId("examples").append(...EXAMPLES.map(({ file, name, note }) => make("li", {},
    make("button", { class: "example", click: () => takeExample(file) },
      make("img", { src: `examples/thumbs/${file.replace(/\..*/, "")}.png`, alt: "", loading: "lazy", decoding: "async" }),
      make("span", {}, make("b", {}, name), make("small", {}, note))))));
}

/** Arrow keys between the two tabs, as tabs have it. */
function onTabKey(/** @type {KeyboardEvent} */ event) {
  if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  const other = shown() === "draw" ? "picture" : "draw";
  enter(other);
  byId(`tab-${other}`).focus();
}

addEventListener("keydown", (event) => {
  document.body.classList.toggle("no-tips", event.key === "Escape"); // a tooltip may be in the way
  MODES[shown()].onKey(event);
});
addEventListener("pointerover", () => document.body.classList.remove("no-tips"));
for (const mode of /** @type {("draw" | "picture")[]} */ (Object.keys(MODES))) {
  byId(`tab-${mode}`).addEventListener("click", () => enter(mode));
  byId(`tab-${mode}`).addEventListener("keydown", onTabKey);
  MODES[mode].start();
}
onFiles(take);
listExamples();
enter(location.hash === "#picture" ? "picture" : "draw");
introduce();
