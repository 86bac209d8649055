/**
 * Where the pointer of whoever has control is, drawn over the live screen of those who watch. It
 * is no part of the picture and says nothing to assistive technology.
 */

const REST = 8000; // a pointer that stays still gets out of the way of what is under it

export class Pointer {
  #screen;
  #mark = document.createElement("div");
  #place = null; // [x, y] in the VM's pixels
  #timer = null;
  #watched = null; // the canvas whose size is observed
  #sizes = new ResizeObserver(() => this.#put());

  /** @param {HTMLElement} screen What noVNC draws in. */
  constructor(screen) {
    this.#screen = screen;
    this.#mark.className = "pointer";
    this.#mark.setAttribute("aria-hidden", "true");
    this.#mark.hidden = true;
    screen.after(this.#mark);
    this.#sizes.observe(screen);
    // The scrolling is done by an element of noVNC's; scroll events do not bubble.
    screen.addEventListener("scroll", () => this.#put(), { capture: true, passive: true });
  }

  /** @param {[number, number]|null} place */
  show(place) {
    this.#place = place;
    clearTimeout(this.#timer);
    if (place) this.#timer = setTimeout(() => this.show(null), REST);
    this.#put({ gliding: true });
  }

  #put({ gliding = false } = {}) {
    const canvas = this.#screen.querySelector("canvas:not(.held)");
    this.#watch(canvas);
    const [x, y] = this.#place ?? [-1, -1];
    const inside = canvas !== null && 0 <= x && x < canvas.width && 0 <= y && y < canvas.height;
    this.#mark.hidden = !inside;
    if (!inside) return;
    this.#mark.classList.toggle("pointer--gliding", gliding);
    const shown = canvas.getBoundingClientRect();
    const around = this.#screen.getBoundingClientRect();
    const left = shown.left - around.left + (x + 0.5) * (shown.width / canvas.width);
    const top = shown.top - around.top + (y + 0.5) * (shown.height / canvas.height);
    this.#mark.style.translate = `${left}px ${top}px`;
  }

  /** Each connection has a canvas of its own. */
  #watch(canvas) {
    if (canvas === this.#watched) return;
    if (this.#watched) this.#sizes.unobserve(this.#watched);
    if (canvas) this.#sizes.observe(canvas);
    this.#watched = canvas;
  }
}
