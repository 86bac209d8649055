/** The still picture that stands in for a live view that the network cannot carry. */

const EVERY = 2000;

export class Still {
  #image;
  #path;
  #timer = null;

  /** @param {HTMLImageElement} image @param {string} path */
  constructor(image, path) {
    this.#image = image;
    this.#path = path;
  }

  set on(wanted) {
    if (wanted === (this.#timer !== null)) return;
    if (wanted) this.#start();
    else this.#stop();
  }

  #start() {
    const fetchNext = () => {
      this.#image.src = `${this.#path}?width=960&at=${Math.floor(performance.now())}`;
    };
    this.#image.hidden = false;
    this.#timer = setInterval(fetchNext, EVERY);
    fetchNext();
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#image.hidden = true;
    this.#image.removeAttribute("src");
  }
}
