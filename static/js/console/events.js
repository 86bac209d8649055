/**
 * What the gateway says about this console, as it happens. Dispatches `view` (the whole view, with
 * the gateway's time) and `lost` while nobody answers; comes back by itself.
 */

const AGAIN = 2000;

export class Events extends EventTarget {
  #path;
  #source = null;
  #timer = null;

  /** @param {string} path */
  constructor(path) {
    super();
    this.#path = path;
    this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#source.close();
  }

  #open() {
    const source = new EventSource(this.#path);
    this.#source = source;
    source.addEventListener("view", (event) => {
      this.dispatchEvent(new CustomEvent("view", { detail: JSON.parse(event.data) }));
    });
    source.addEventListener("error", () => {
      this.dispatchEvent(new CustomEvent("lost"));
      // A browser tries again after a broken connection, but not after an error status.
      if (source.readyState === EventSource.CLOSED) this.#timer = setTimeout(() => this.#open(), AGAIN);
    });
  }
}
