/** Panels that a button of the bar opens, and dialogs that ask. One panel is open at a time. */

const FIRST = "a[href], button, select, textarea, input:not([type=hidden])";

export class Panels {
  #open = null;

  constructor() {
    for (const button of document.querySelectorAll("[data-opens]")) {
      button.setAttribute("aria-controls", button.dataset.opens);
      button.addEventListener("click", () => isIdle(button) || this.#toggle(button));
    }
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#open) this.close({ refocus: true });
    });
    document.getElementById("stage").addEventListener("pointerdown", () => this.close());
    // A phone that is turned, or a banner of more lines, moves the bar.
    new ResizeObserver(() => this.#place()).observe(document.getElementById("stage"));
    for (const button of document.querySelectorAll("[data-dialog]")) wireDialog(button);
  }

  close({ refocus = false } = {}) {
    if (!this.#open) return;
    const button = this.#open;
    this.#open = null;
    button.setAttribute("aria-expanded", "false");
    document.getElementById(button.dataset.opens).hidden = true;
    if (refocus) button.focus();
  }

  #toggle(button) {
    const wasOpen = this.#open === button;
    this.close();
    if (wasOpen) return;
    this.#open = button;
    button.setAttribute("aria-expanded", "true");
    this.#place();
    const panel = document.getElementById(button.dataset.opens);
    panel.hidden = false;
    panel.querySelector(FIRST)?.focus();
  }

  #place() {
    if (!this.#open) return;
    const below = `${document.getElementById("stage").offsetTop + 8}px`;
    document.getElementById(this.#open.dataset.opens).style.setProperty("--below-bar", below);
  }
}

function isIdle(button) {
  return button.getAttribute("aria-disabled") === "true";
}

function wireDialog(button) {
  const dialog = document.getElementById(button.dataset.dialog);
  button.addEventListener("click", () => {
    if (isIdle(button)) return;
    dialog.dispatchEvent(new CustomEvent("opening"));
    dialog.showModal();
  });
  for (const closer of dialog.querySelectorAll("[data-close]")) {
    closer.addEventListener("click", () => dialog.close());
  }
}
