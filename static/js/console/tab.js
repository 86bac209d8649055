/**
 * One tab of a browser holds an operator's console; another finds it open elsewhere and may take
 * it over. Dispatches `here` and `elsewhere`.
 */

export class Tab extends EventTarget {
  #name;

  /** @param {string} consent */
  constructor(consent) {
    super();
    this.#name = `console ${consent}`;
  }

  /** Hold the console if no other tab does. */
  claim() {
    this.#ask({ ifAvailable: true });
  }

  /** Hold it whoever has it now; that tab is told. */
  take() {
    this.#ask({ steal: true });
  }

  #ask(options) {
    navigator.locks
      .request(this.#name, options, (lock) => this.#hold(lock))
      .catch(() => this.#say("elsewhere")); // stolen by another tab
  }

  #hold(lock) {
    if (!lock) {
      this.#say("elsewhere");
      return undefined;
    }
    this.#say("here");
    // Never settles: the lock is held until the tab goes away or another takes it.
    return new Promise(() => {});
  }

  #say(type) {
    this.dispatchEvent(new CustomEvent(type));
  }
}
