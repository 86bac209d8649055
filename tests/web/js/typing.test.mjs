/** Keystrokes: combinations by name, and text under a keyboard layout. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { isLeaveChord, strokes } from "../../../static/js/console/keys.js";
import { NAMES, keysymOf, plan } from "../../../static/js/console/layouts.js";
import { Typist } from "../../../static/js/console/typist.js";

const codes = (list) => list.map(({ code, down }) => `${down ? "+" : "-"}${code}`);

test("a combination is pressed in order and released in reverse", () => {
  assert.deepEqual(codes(strokes("Ctrl+Alt+Del")), ["+ControlLeft", "+AltLeft", "+Delete", "-Delete", "-AltLeft", "-ControlLeft"]);
});

test("an unknown key is refused, never sent as something else", () => {
  assert.throws(() => strokes("Ctrl+Nope"), RangeError);
});

test("only all three modifiers together leave the screen", () => {
  const chord = { ctrlKey: true, altKey: true, shiftKey: true, key: "Shift" };
  assert.ok(isLeaveChord(chord));
  assert.ok(!isLeaveChord({ ...chord, altKey: false }));
  assert.ok(!isLeaveChord({ ...chord, key: "F1" }));
});

test("a capital is typed with Shift on a US keyboard", () => {
  assert.deepEqual(codes(plan("A", "us").strokes[0]), ["+ShiftLeft", "+KeyA", "-KeyA", "-ShiftLeft"]);
});

test("z and y change places on a German keyboard", () => {
  assert.deepEqual(codes(plan("z", "de").strokes[0]), ["+KeyY", "-KeyY"]);
});

test("brackets need AltGr on German and French keyboards", () => {
  for (const [layout, key] of [["de", "Digit8"], ["fr", "Digit5"]]) {
    assert.deepEqual(codes(plan("[", layout).strokes[0]), ["+AltRight", `+${key}`, `-${key}`, "-AltRight"]);
  }
});

test("a dead key is followed by a space, so that it shows", () => {
  assert.deepEqual(codes(plan("^", "de").strokes[0]), ["+Backquote", "-Backquote", "+Space", "-Space"]);
});

test("what a layout cannot type is told by its place, never by itself", () => {
  assert.deepEqual(plan("aßb€", "us").untypable, [2, 4]);
});

test("line ends of every system press Enter once", () => {
  for (const text of ["a\nb", "a\r\nb", "a\rb"]) {
    assert.deepEqual(plan(text, "us").strokes.flat().filter(({ down }) => down).map(({ code }) => code), ["KeyA", "Enter", "KeyB"]);
  }
});

test("every printable ASCII character can be typed on every layout", () => {
  const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");
  for (const name of NAMES) assert.deepEqual(plan(ascii, name).untypable, [], name);
});

test("every level of a layout names one character a key", () => {
  // A row that is too short or too long would shift all that follows.
  assert.deepEqual(codes(plan("/", "us").strokes[0]), ["+Slash", "-Slash"]);
  assert.deepEqual(codes(plan("|", "gb").strokes[0]).slice(1, 2), ["+IntlBackslash"]);
  assert.deepEqual(codes(plan("_", "de").strokes[0]).slice(1, 2), ["+Slash"]);
  assert.deepEqual(codes(plan("!", "fr").strokes[0]), ["+Slash", "-Slash"]);
});

test("characters beyond Latin-1 have Unicode keysyms", () => {
  assert.equal(keysymOf("ü"), 0xfc);
  assert.equal(keysymOf("€"), 0x010020ac);
});

test("every key that is pressed is released, whatever is typed", () => {
  for (const name of NAMES) {
    const down = new Set();
    for (const { code, keysym, down: pressed } of plan("Aé[^~ \n{}", name).strokes.flat()) {
      if (pressed) down.add(`${code} ${keysym}`);
      else down.delete(`${code} ${keysym}`);
    }
    assert.equal(down.size, 0, name);
  }
});

test("stopping finishes the character that was begun", async () => {
  const sent = [];
  const typist = new Typist((stroke) => sent.push(stroke));
  typist.addEventListener("progress", () => typist.stop());
  assert.equal(await typist.type(plan("AB", "us").strokes), false);
  assert.deepEqual(codes(sent), ["+ShiftLeft", "+KeyA", "-KeyA", "-ShiftLeft"]);
});
