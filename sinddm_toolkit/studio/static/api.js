// The server, as the page talks to it: JSON requests, uploads, and what it tells by itself.

/** A request that was refused: one line for people, and the option that is to blame, if one is. */
export class Refused extends Error {
  constructor(status, message, option = null) {
    super(message);
    this.status = status;
    this.option = option;
  }
}

async function request(method, path, body) {
  const how = { method, headers: { Accept: "application/json" }, credentials: "same-origin" };
  if (body instanceof FormData) how.body = body;
  else if (body !== undefined) {
    how.body = JSON.stringify(body);
    how.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(`/api/${path}`, how);
  } catch {
    throw new Refused(0, "the studio does not answer: is its command still running?");
  }
  if (response.ok) return response;
  let told = {};
  try {
    told = await response.json();
  } catch {
    // no JSON: the status has to do
  }
  const text = told.error ?? `the studio answered ${response.status} ${response.statusText}`;
  throw new Refused(response.status, text, told.option ?? null);
}

async function json(method, path, body) {
  const response = await request(method, path, body);
  return response.status === 204 ? null : response.json();
}

export const get = (path) => json("GET", path);
export const post = (path, body = {}) => json("POST", path, body);
export const remove = (path) => json("DELETE", path);

export async function getText(path) {
  return (await request("GET", path)).text();
}

/** Uploads a file as a picture → what is known of it: id, name, width, height. */
export function upload(file, name = file.name ?? "pasted.png") {
  const form = new FormData();
  form.append("file", file, name);
  return json("POST", "pictures", form);
}

/**
 * Hears what the server tells of all edits: `on.state(edit)`, `on.progress(told)`,
 * `on.preview(told)`, `on.again()` whenever the connection is there
 * anew, and `on.lost()` when it breaks.
 */
export function listen(on) {
  const source = new EventSource("/api/events");
  for (const kind of ["state", "progress", "preview"]) {
    source.addEventListener(kind, (event) => on[kind](JSON.parse(event.data)));
  }
  source.addEventListener("open", () => on.again());
  source.addEventListener("error", () => on.lost());
  return source;
}
