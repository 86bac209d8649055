/** Panels that a button of the bar opens, and dialogs that ask. One panel is open at a time. */

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
    const panel = document.getElementById(button.dataset.opens);
    panel.style.setProperty("--below-bar", `${document.getElementById("stage").offsetTop + 8}px`);
    panel.hidden = false;
    panel.querySelector("button, textarea, input")?.focus();
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
