/**
 * How text becomes keystrokes under a keyboard layout. PURE.
 *
 * A layout says, for each physical key, what it types plain, with Shift and with AltGr; `dead`
 * lists what only appears once a further key is pressed, so a space follows it.
 */

const ROWS = {
  digits: "Backquote Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal",
  top: "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Backslash",
  home: "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote",
  low: "IntlBackslash KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash",
};
const CODES = Object.values(ROWS).flatMap((row) => row.split(" "));

/** Each level lists, key by key in the order of CODES, what it types; a blank types nothing. */
const LAYOUTS = {
  us: {
    plain: "`1234567890-=" + "qwertyuiop[]\\" + "asdfghjkl;'" + " zxcvbnm,./",
    shift: "~!@#$%^&*()_+" + "QWERTYUIOP{}|" + 'ASDFGHJKL:"' + " ZXCVBNM<>?",
    altgr: "",
    dead: "",
  },
  gb: {
    plain: "`1234567890-=" + "qwertyuiop[]#" + "asdfghjkl;'" + "\\zxcvbnm,./",
    shift: '¬!"£$%^&*()_+' + "QWERTYUIOP{}~" + "ASDFGHJKL:@" + "|ZXCVBNM<>?",
    altgr: "    €        ",
    dead: "",
  },
  de: {
    plain: "^1234567890ß´" + "qwertzuiopü+#" + "asdfghjklöä" + "<yxcvbnm,.-",
    shift: '°!"§$%&/()=?`' + "QWERTZUIOPÜ*'" + "ASDFGHJKLÖÄ" + ">YXCVBNM;:_",
    altgr: "  ²³   {[]}\\ " + "@ €        ~ " + "           " + "|      µ   ",
    dead: "^´`",
  },
  fr: {
    plain: "²&é\"'(-è_çà)=" + "azertyuiop^$*" + "qsdfghjklmù" + "<wxcvbn,;:!",
    shift: " 1234567890°+" + "AZERTYUIOP¨£µ" + "QSDFGHJKLM%" + ">WXCVBN?./§",
    altgr: "  ~#{[|`\\^@]}" + "  €        ¤ ",
    dead: "~`¨",
  },
};

export const NAMES = Object.freeze([...Object.keys(LAYOUTS), "direct"]);

const FIXED = new Map([
  ["\n", { code: "Enter", keysym: 0xff0d }],
  ["\t", { code: "Tab", keysym: 0xff09 }],
  [" ", { code: "Space", keysym: 0x20 }],
]);
const MODIFIERS = {
  shift: { code: "ShiftLeft", keysym: 0xffe1 },
  altgr: { code: "AltRight", keysym: 0xfe03 },
};

/** @returns {number} The X11 keysym of a character (appendix A of the X protocol). */
export function keysymOf(character) {
  const point = character.codePointAt(0);
  return point < 0x100 ? point : 0x01000000 + point;
}

/**
 * @typedef {{keysym: number, code: string|null, down: boolean}} Stroke
 * @typedef {{strokes: Stroke[][], untypable: number[]}} Plan One list of strokes a character;
 *   `untypable` gives the places (from 1) of characters that the layout has no key for.
 */

/**
 * @param {string} text
 * @param {string} layout One of NAMES; "direct" sends characters and lets the hypervisor translate.
 * @returns {Plan}
 */
export function plan(text, layout) {
  const table = layout === "direct" ? null : tableOf(layout);
  const characters = [...text.replace(/\r\n?/g, "\n")];
  const result = { strokes: [], untypable: [] };
  characters.forEach((character, index) => {
    const typed = table ? byKey(character, table) : bySymbol(character);
    if (typed) result.strokes.push(typed);
    else result.untypable.push(index + 1);
  });
  return result;
}

function bySymbol(character) {
  const fixed = FIXED.get(character);
  if (fixed) return press(fixed);
  return isControl(character) ? null : press({ code: null, keysym: keysymOf(character) });
}

function byKey(character, table) {
  const fixed = FIXED.get(character);
  if (fixed) return press(fixed);
  const found = table.get(character);
  if (!found) return null;
  const key = { code: found.code, keysym: keysymOf(character) };
  const modifier = MODIFIERS[found.level];
  const strokes = modifier
    ? [{ ...modifier, down: true }, ...press(key), { ...modifier, down: false }]
    : press(key);
  return found.dead ? [...strokes, ...press(FIXED.get(" "))] : strokes;
}

function press(key) {
  return [{ ...key, down: true }, { ...key, down: false }];
}

function isControl(character) {
  return /\p{Cc}/u.test(character);
}

function tableOf(name) {
  const layout = LAYOUTS[name];
  if (!layout) throw new RangeError(`no layout is called ${name}`);
  const table = new Map();
  for (const level of ["plain", "shift", "altgr"]) {
    [...layout[level]].forEach((character, index) => {
      if (character === " " || table.has(character)) return;
      table.set(character, { code: CODES[index], level, dead: layout.dead.includes(character) });
    });
  }
  return table;
}
