/** Key combinations by name, as strokes. PURE: X11 keysyms and the codes of physical keys. */

/** @typedef {{keysym: number, code: string}} Key */

const F1 = 0xffbe;

/** @type {Record<string, Key>} */
export const KEYS = Object.freeze({
  Ctrl: { keysym: 0xffe3, code: "ControlLeft" },
  Alt: { keysym: 0xffe9, code: "AltLeft" },
  Shift: { keysym: 0xffe1, code: "ShiftLeft" },
  Win: { keysym: 0xffeb, code: "MetaLeft" },
  AltGr: { keysym: 0xfe03, code: "AltRight" },
  Del: { keysym: 0xffff, code: "Delete" },
  Tab: { keysym: 0xff09, code: "Tab" },
  Esc: { keysym: 0xff1b, code: "Escape" },
  Enter: { keysym: 0xff0d, code: "Enter" },
  Backspace: { keysym: 0xff08, code: "Backspace" },
  PrintScreen: { keysym: 0xff61, code: "PrintScreen" },
  // Linux's magic key shares the key of PrintScreen; it counts as SysRq while Alt is held.
  SysRq: { keysym: 0xff15, code: "PrintScreen" },
  Pause: { keysym: 0xff13, code: "Pause" },
  ...Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`F${index + 1}`, { keysym: F1 + index, code: `F${index + 1}` }]),
  ),
  ...Object.fromEntries(
    [..."abcdefghijklmnopqrstuvwxyz"].map((letter) => [
      letter.toUpperCase(),
      { keysym: letter.codePointAt(0), code: `Key${letter.toUpperCase()}` },
    ]),
  ),
});

/**
 * @param {string} name "Ctrl+Alt+Del": keys joined by plus signs.
 * @returns {Array<Key & {down: boolean}>} Pressed in order, released in reverse.
 */
export function strokes(name) {
  const keys = name.split("+").map((part) => {
    const key = KEYS[part];
    if (!key) throw new RangeError(`no key is called ${part}`);
    return key;
  });
  return [...keys.map((key) => ({ ...key, down: true })), ...keys.reverse().map((key) => ({ ...key, down: false }))];
}

/** The chord that leaves the screen, as a keyboard event shows it. */
export function isLeaveChord(event) {
  return event.ctrlKey && event.altKey && event.shiftKey && ["Control", "Alt", "Shift", "Meta"].includes(event.key);
}
