/** Time left, in words and in eight segments; the same figures that the gateway renders. */

const HOUR = 3_600_000;
const MINUTE = 60_000;
export const SEGMENTS = 8;
const SEGMENT_WIDTH = 10;

/**
 * @param {number} milliseconds
 * @returns {string} "7 h 12 min", "9 min", "0:42", "ended".
 */
export function inWords(milliseconds) {
  if (milliseconds <= 0) return "ended";
  if (milliseconds < 2 * MINUTE) {
    const seconds = Math.ceil(milliseconds / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`;
  }
  const minutes = Math.floor(milliseconds / MINUTE);
  if (minutes < 60) return `${minutes} min left`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min left`;
}

/** @returns {"calm"|"soon"|"last"} */
export function urgency(milliseconds) {
  if (milliseconds <= 5 * MINUTE) return "last";
  return milliseconds <= 30 * MINUTE ? "soon" : "calm";
}

/** @returns {number[]} The lit width of each of the eight segments. */
export function segments(milliseconds) {
  return Array.from({ length: SEGMENTS }, (_, hour) => {
    const lit = Math.min(Math.max(milliseconds / HOUR - hour, 0), 1);
    return Math.round(lit * SEGMENT_WIDTH * 10) / 10;
  });
}

/**
 * Paint one gauge as it is now.
 * @param {Element} gauge An element of class `hours`.
 * @param {number} milliseconds Time left.
 */
export function paint(gauge, milliseconds) {
  const text = gauge.querySelector(".hours__text");
  const words = inWords(milliseconds);
  if (text.textContent !== words) text.textContent = words;
  gauge.dataset.urgency = urgency(milliseconds);
  const widths = segments(milliseconds);
  gauge.querySelectorAll(".lit").forEach((rect, hour) => {
    rect.setAttribute("width", String(widths[hour]));
  });
}
