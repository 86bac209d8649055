/**
 * Takes the browser back to the program that sent it here. Without script, people press the button.
 */

const way = document.getElementById("way-back");
if (way instanceof HTMLFormElement) {
  way.submit();
} else {
  // Replaced, so that going back does not bring the answer up again.
  location.replace(way.href);
}
