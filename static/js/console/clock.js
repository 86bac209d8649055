/** The gateway's clock, as this page knows it. The browser's own time of day is never used. */

export class ServerClock {
  #serverAt;
  #heardAt;
  #monotonic;

  /**
   * @param {number} serverNow Milliseconds since 1970, as the gateway said.
   * @param {() => number} [monotonic] A clock that only goes forward.
   */
  constructor(serverNow, monotonic = () => performance.now()) {
    this.#monotonic = monotonic;
    this.heard(serverNow);
  }

  /** The gateway said what time it is. */
  heard(serverNow) {
    this.#serverAt = serverNow;
    this.#heardAt = this.#monotonic();
  }

  /** @returns {number} Milliseconds since 1970 by the gateway's clock. */
  now() {
    return this.#serverAt + (this.#monotonic() - this.#heardAt);
  }
}

/** @param {string|number} moment @returns {string} "22:00 UTC", which is what everybody is shown. */
export function clockTime(moment) {
  return `${new Date(moment).toISOString().slice(11, 16)} UTC`;
}
