/** The picture quality that this tab asks for: the link's choice, or one that a person pinned. */

const KEY = "console picture quality";
// JPEG levels, as RFB's quality pseudo-encodings have them: the gateway reads a wish in each.
const LEVELS = { auto: 6, sharp: 9, fast: 1 };

/** @param {import("./screen.js").Screen} screen */
export function wireQuality(screen) {
  const choice = document.getElementById("quality");
  const kept = sessionStorage.getItem(KEY);
  if (kept in LEVELS) choice.value = kept;
  screen.quality = LEVELS[choice.value];
  choice.addEventListener("change", () => {
    sessionStorage.setItem(KEY, choice.value);
    screen.quality = LEVELS[choice.value];
  });
}
