/** A password nobody has thought of: made in this browser, from its own random numbers. PURE. */

// What is easily taken for something else (0O, 1lI, |) is left out: people read it to each other.
const KINDS = ["ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "-_.+=:@%"];
const ALL = KINDS.join("");
export const LENGTH = 20;

/**
 * @param {(values: Uint32Array) => Uint32Array} [fill] Fills an array with random numbers.
 * @returns {string} `LENGTH` characters; capitals, small letters, digits and signs, one at least.
 */
export function suggestion(fill = (values) => crypto.getRandomValues(values)) {
  const chosen = KINDS.map((kind) => pick(kind, fill));
  while (chosen.length < LENGTH) chosen.push(pick(ALL, fill));
  return shuffled(chosen, fill).join("");
}

function pick(characters, fill) {
  return characters[below(characters.length, fill)];
}

/** Fisher and Yates: every order is as likely as any other. */
function shuffled(items, fill) {
  for (let last = items.length - 1; 0 < last; last -= 1) {
    const other = below(last + 1, fill);
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}

/** A number from 0 up to `bound`. What would make low ones likelier is thrown away. */
function below(bound, fill) {
  const fair = Math.floor(2 ** 32 / bound) * bound;
  let [number] = fill(new Uint32Array(1));
  while (fair <= number) [number] = fill(new Uint32Array(1));
  return number % bound;
}
