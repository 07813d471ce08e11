/** Pictures from outside: chosen, photographed, dropped, pasted. Hands them on and looks into none. */
import { byId } from "./elements.js";

/** @param {(file: File) => void} take */
export function onFiles(take) {
  for (const [button, input] of [["choose", "file"], ["photograph", "camera-file"]].map((pair) => pair.map(byId))) {
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
      input.value = ""; // the same file can be chosen again
    });
  }
  byId("photograph").hidden = !matchMedia("(pointer: coarse)").matches; // elsewhere it would open a file dialog
  byId("another").addEventListener("click", () => byId("file").click());
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    take(file);
  });
  onDrops(take);
}

/** @param {(file: File) => void} take */
function onDrops(take) {
  let inside = 0; // elements under the pointer that were entered and not left
  const over = () => document.body.classList.toggle("dropping", inside > 0);
  const hasFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (hasFile(event)) { inside += 1; over(); } });
  addEventListener("dragleave", (event) => { if (hasFile(event)) { inside = Math.max(0, inside - 1); over(); } });
  addEventListener("dragover", (event) => { if (hasFile(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    inside = 0;
    over();
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    take(file);
  });
}
