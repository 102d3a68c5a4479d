// Calls to the server. A refusal carries the server's sentence for the person.

export class Refusal extends Error {
  /** @param {number} status HTTP status; 0: the server did not answer */
  constructor(status, detail) {
    super(detail);
    this.status = status;
    this.detail = detail;
  }
}

/**
 * @returns {Promise<any>} the body, or null if there is none
 * @throws {Refusal}
 */
export async function call(method, path, body, headers = {}) {
  const options = { method, credentials: "same-origin", cache: "no-store", headers: { ...headers } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  let text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch {
    throw new Refusal(0, "");
  }
  if (!response.ok) throw refusal(response.status, text);
  return text ? JSON.parse(text) : null;
}

/** The refusal in a response that is not ok. */
export function refusal(status, text) {
  try {
    return new Refusal(status, JSON.parse(text).detail || "");
  } catch {
    return new Refusal(status, "");
  }
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}, headers = {}) => call("POST", path, body, headers);

/** The items of a paged list, from at most `most` pages. */
export async function all(path, most = 20) {
  const items = [];
  let cursor = null;
  for (let page = 0; page < most; page += 1) {
    const found = await get(cursor ? `${path}&cursor=${encodeURIComponent(cursor)}` : path);
    items.push(...found.items);
    cursor = found.next_cursor;
    if (!cursor) break;
  }
  return items;
}
