/**
 * What the gateway says about this console, as it happens. Dispatches `view` (the whole view, with
 * the gateway's time) and `lost` while nobody answers; comes back by itself.
 */

export class Events extends EventTarget {
  #source;

  /** @param {string} path */
  constructor(path) {
    super();
    this.#source = new EventSource(path);
    this.#source.addEventListener("view", (event) => {
      this.dispatchEvent(new CustomEvent("view", { detail: JSON.parse(event.data) }));
    });
    this.#source.addEventListener("error", () => this.dispatchEvent(new CustomEvent("lost")));
  }

  close() {
    this.#source.close();
  }
}
