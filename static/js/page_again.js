/**
 * This page once more, as a document that runs no script. XMLHttpRequest, because DOMParser is
 * shut by the page's trusted-types policy.
 * @returns {Promise<Document|null>}
 */
export function pageAgain() {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.responseType = "document";
    // Tells the gateway that nobody is at the keyboard: it does not prolong the sign-in.
    request.setRequestHeader("X-Refresh", "1");
    request.onload = () => resolve(request.status === 200 ? request.response : null);
    request.onerror = () => resolve(null);
    request.send();
  });
}
