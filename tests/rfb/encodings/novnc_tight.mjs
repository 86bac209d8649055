/**
 * noVNC's own Tight decoder, in front of a canvas of bytes.
 *
 * Standard input: a line of JSON, {novnc: its folder, width, height, updates: [[{x, y, width,
 * height, body (hex)}]]}. Standard output: a line of hex per update, R, G, B of each pixel then.
 */

import { readFileSync } from "node:fs";

const { novnc, width, height, updates } = JSON.parse(readFileSync(0, "utf8"));
globalThis.window = {}; // where noVNC keeps its log
const { default: TightDecoder } = await import(`${novnc}/core/decoders/tight.js`);

const canvas = Buffer.alloc(width * height * 3);

/** What the decoder asks of a socket's receive queue; everything has come. */
class Queue {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get left() {
    return this.#bytes.length - this.#at;
  }

  rQwait(what, count) {
    if (this.left < count) throw new Error(`${what}: ${count} bytes are asked for, ${this.left} are there`);
    return false;
  }

  rQpeek8() {
    return this.#bytes[this.#at];
  }

  rQshift8() {
    return this.#bytes[this.#at++];
  }

  rQskipBytes(count) {
    this.#at += count;
  }

  rQshiftBytes(count) {
    this.#at += count;
    return new Uint8Array(this.#bytes.subarray(this.#at - count, this.#at));
  }

  rQshiftTo(target, count) {
    target.set(this.rQshiftBytes(count));
  }
}

const display = {
  fillRect: (x, y, across, down, [red, green, blue]) =>
    each(x, y, across, down, () => [red, green, blue]),
  blitImage: (x, y, across, down, rgbx) =>
    each(x, y, across, down, (n) => rgbx.subarray(4 * n, 4 * n + 3)),
};

function each(x, y, across, down, colour) {
  for (let n = 0; n < across * down; n++) {
    canvas.set(colour(n), ((y + Math.floor(n / across)) * width + x + (n % across)) * 3);
  }
}

const decoder = new TightDecoder();
for (const rects of updates) {
  for (const { x, y, width: across, height: down, body } of rects) {
    const queue = new Queue(Buffer.from(body, "hex"));
    if (!decoder.decodeRect(x, y, across, down, queue, display, 24)) throw new Error("it waits for more");
    if (queue.left) throw new Error(`${queue.left} bytes are left`);
  }
  console.log(canvas.toString("hex"));
}
