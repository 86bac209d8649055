/** Types a plan of keystrokes into the screen, at a pace that a text console follows. */

// Up to four strokes a character; well below the 200 input messages a second that are let through.
const PAUSE = 12;

export class Typist extends EventTarget {
  #send;
  #abort = null;

  /** @param {(stroke: {keysym: number, code: string|null, down: boolean}) => void} send */
  constructor(send) {
    super();
    this.#send = send;
  }

  get busy() {
    return this.#abort !== null;
  }

  stop() {
    this.#abort?.abort();
  }

  /**
   * Dispatches `progress` ({done, total}); resolves to whether all was typed.
   * INVARIANT: a character that was begun is finished, so no key stays down.
   * @param {Array<Array<object>>} strokes
   */
  async type(strokes) {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      for (let done = 0; done < strokes.length; done += 1) {
        if (signal.aborted) return false;
        for (const stroke of strokes[done]) {
          this.#send(stroke);
          await new Promise((resolve) => setTimeout(resolve, PAUSE));
        }
        this.dispatchEvent(new CustomEvent("progress", { detail: { done: done + 1, total: strokes.length } }));
      }
      return true;
    } finally {
      this.#abort = null;
    }
  }
}
