/* The colours chosen last time, set before anything is painted; without a choice the system's are taken.
   A classic script, since modules run too late for that. Knows nothing of the page but its root and a button. */
"use strict";

(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

  const shown = stored();
  if (shown === "dark" || shown === "light") root.dataset.theme = shown;

  /** Tells the button and all who draw on a canvas themselves. */
  const tell = () => {
    document.getElementById("theme")?.setAttribute("aria-pressed", String(isDark()));
    dispatchEvent(new Event("themechange"));
  };

  system.addEventListener("change", tell);
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      const wanted = isDark() ? "light" : "dark";
      const isSystems = wanted === (system.matches ? "dark" : "light");
      if (isSystems) delete root.dataset.theme;
      else root.dataset.theme = wanted;
      try {
        if (isSystems) localStorage.removeItem("theme");
        else localStorage.setItem("theme", wanted);
      } catch { /* private windows may keep nothing: the choice then lasts as long as the page */ }
      tell();
    });
    tell();
  });
})();
