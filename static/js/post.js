/** Posts JSON to this gateway, with the token that binds a form to its sign-in. */

/** What the gateway answered when it did not do what was asked. */
export class PostRefused extends Error {
  /**
   * @param {number} status HTTP status; 0 when nobody answered.
   * @param {string} code The stable word for programs.
   * @param {string} message A sentence for people.
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const UNREACHED = "The gateway cannot be reached. Check your network, then try again.";

function formToken() {
  return document.querySelector('meta[name="form-token"]')?.getAttribute("content") ?? "";
}

/**
 * @param {string} path
 * @param {object} body
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<any>} The answer's JSON.
 * @throws {PostRefused}
 */
export async function post(path, body, { signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json",
        "X-CSRF-Token": formToken(),
      },
      body: JSON.stringify(body),
      credentials: "same-origin",
      redirect: "error",
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new PostRefused(0, "Unreached", UNREACHED);
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { code = "Unknown", message = `The gateway answered ${response.status}.` } = answer.error ?? {};
  throw new PostRefused(response.status, code, message);
}
