/**
 * The live screen: one WebSocket and the noVNC that draws it. The page opens the socket itself,
 * because noVNC's `disconnect` carries no close code.
 *
 * Dispatches `open`, `frame` (the first of a connection), `pointer` ({place}: where the one in
 * control points), `closed` ({code, reason}), `entered` and `leaving`.
 */

import RFB from "/static/vendor/novnc/core/rfb.js";
import { initLogging } from "/static/vendor/novnc/core/util/logging.js";
import { isLeaveChord } from "./keys.js";

// INVARIANT: never chattier than this. Level "info" prints what is typed.
initLogging("warn");

const FRAMEBUFFER_UPDATE = 0; // RFC 6143 §7.6.1: the message's first byte
const COMPRESSION = 2;

export class Screen extends EventTarget {
  #target;
  #rfb = null;
  #socket = null;
  #mayType = false;
  #fit = true;
  #quality = 6;
  #framed = false;
  #held = null; // a copy of the last frame, while there is no connection

  /** @param {HTMLElement} target */
  constructor(target) {
    super();
    this.#target = target;
    target.addEventListener("focusin", () => this.#say("entered"));
    target.addEventListener("focusout", () => this.#say("leaving"));
    window.addEventListener("keydown", (event) => this.#watchForChord(event), { capture: true });
  }

  get connected() {
    return this.#socket !== null;
  }

  /** @param {string} url @param {string[]} protocols */
  connect(url, protocols) {
    this.#rfb?.disconnect();
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#framed = false;
    // Before noVNC listens, which takes every message for RFB.
    socket.addEventListener("message", (event) => this.#takeText(socket, event));
    socket.addEventListener("message", (event) => this.#noticeFrame(socket, event));
    socket.addEventListener("close", (event) => this.#closed(socket, event));
    const rfb = new RFB(this.#target, socket, { shared: true });
    rfb.viewOnly = !this.#mayType;
    rfb.scaleViewport = this.#fit;
    rfb.qualityLevel = this.#quality;
    rfb.compressionLevel = COMPRESSION;
    rfb.background = "transparent";
    rfb.addEventListener("connect", () => this.#say("open"));
    this.#rfb = rfb;
  }

  /** Lets go of the socket and of the last picture. Nothing is dispatched. */
  close() {
    this.#socket = null;
    this.#rfb?.disconnect();
    this.#rfb = null;
    this.blank();
  }

  /** Keeps no picture of a connection that has closed. */
  blank() {
    this.#held?.remove();
    this.#held = null;
  }

  /** Whether keys and pointer go to the VM. The gateway decides; this is a courtesy. */
  set mayType(allowed) {
    if (allowed === this.#mayType) return;
    this.#mayType = allowed;
    if (!this.#rfb) return;
    if (!allowed) this.releaseKeys();
    this.#rfb.viewOnly = !allowed;
  }

  get mayType() {
    return this.#mayType;
  }

  set fit(on) {
    this.#fit = on;
    if (this.#rfb) this.#rfb.scaleViewport = on;
  }

  get fit() {
    return this.#fit;
  }

  /** The JPEG level that the gateway is asked for; see docs/operating.md for what it makes of it. */
  set quality(level) {
    this.#quality = level;
    if (this.#rfb) this.#rfb.qualityLevel = level;
  }

  enter() {
    this.#rfb?.focus({ preventScroll: true });
  }

  /** @param {{keysym: number, code: string|null, down: boolean}} stroke */
  send({ keysym, code, down }) {
    this.#rfb?.sendKey(keysym, code, down);
  }

  /** noVNC lets go of every key that it holds down when the window loses focus. */
  releaseKeys() {
    window.dispatchEvent(new Event("blur"));
  }

  /** @returns {Promise<Blob>} A PNG of what is shown. */
  picture() {
    return new Promise((resolve, reject) => {
      if (!this.#rfb) reject(new Error("no screen is shown"));
      else this.#rfb.toBlob(resolve, "image/png");
    });
  }

  /** Text beside the stream: where somebody else's pointer is, between the pixels it belongs to. */
  #takeText(socket, event) {
    if (typeof event.data !== "string") return;
    event.stopImmediatePropagation();
    if (socket === this.#socket) this.#say("pointer", { place: JSON.parse(event.data).pointer });
  }

  #noticeFrame(socket, event) {
    if (this.#framed || socket !== this.#socket || !this.#target.querySelector("canvas")) return;
    if (new Uint8Array(event.data, 0, 1)[0] !== FRAMEBUFFER_UPDATE || !this.#opened()) return;
    this.#framed = true;
    this.blank();
    // noVNC's own listener came later and draws after this one.
    requestAnimationFrame(() => this.#say("frame"));
  }

  /** The handshake is over once the canvas has a size. */
  #opened() {
    const canvas = this.#target.querySelector("canvas");
    return 0 < canvas.width && 0 < canvas.height;
  }

  #closed(socket, { code, reason }) {
    if (socket !== this.#socket) return;
    // noVNC, told after us, takes its canvas away: keep a copy for the dimmed last frame. Where noVNC
    // itself gave up, having been sent what it cannot read, the canvas is gone already.
    const canvas = this.#target.querySelector("canvas");
    if (this.#framed && canvas) this.#hold(canvas);
    this.#socket = null;
    this.#rfb = null;
    this.#say("closed", { code, reason });
  }

  #hold(canvas) {
    const copy = document.createElement("canvas");
    copy.className = "held";
    copy.width = canvas.width;
    copy.height = canvas.height;
    copy.getContext("2d").drawImage(canvas, 0, 0);
    this.blank();
    this.#held = copy;
    this.#target.append(copy);
  }

  #watchForChord(event) {
    if (!isLeaveChord(event) || !this.#target.contains(document.activeElement)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.releaseKeys();
    document.activeElement.blur();
    this.#say("left");
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
