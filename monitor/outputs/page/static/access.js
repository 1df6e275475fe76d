// Who may look: the token comes in the address's fragment, which no server sees, is posted once, and leaves at once.

import { at, tell } from "./words.js";

const REFUSED = {
  401: "That is not this monitor's token. Copy the whole of it from the link on the monitor's own screen.",
  429: "Too many wrong tokens. Wait a minute, then try again.",
};

/** The token of the address bar, which is taken out of it: it is a secret. */
export function taken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/**
 * Show the token to the monitor, which answers with a cookie that scripts cannot read.
 * @param {string} token
 * @returns {Promise<string>} empty where it was right, else what is the matter
 */
async function present(token) {
  if (!/^[\x21-\x7e]+$/.test(token)) return REFUSED[401];  // no header can hold other signs, and no token does
  try {
    const answer = await fetch("session", { method: "POST", headers: { authorization: `Bearer ${token}` } });
    return answer.ok ? "" : (REFUSED[answer.status] ?? `The monitor refused (${answer.status}).`);
  } catch {
    return "The monitor cannot be reached.";
  }
}

/** The form that asks for the token. `admitted` is called once it was right. */
export class Door {
  /** @param {() => void} admitted */
  constructor(admitted) {
    this.admitted = admitted;
    this.known = "";
    at("asking-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.tried(at("token").value.trim());
    });
  }

  /**
   * Present a token; where it is wrong, ask for another.
   * @param {string} token
   */
  async tried(token) {
    const wrong = await present(token);
    if (wrong) {
      this.ask(wrong);
      return;
    }
    this.known = token;
    at("token").value = "";
    at("asking").hidden = true;
    this.admitted();
  }

  /** The monitor asks for the token: one that was started again knows its cookies no more, but perhaps the token. */
  asked() {
    const known = this.known;
    this.known = "";
    if (known) this.tried(known);
    else this.ask("");
  }

  /** Ask a person for the token. @param {string} why */
  ask(why) {
    const asked = at("asking").hidden;
    at("asking").hidden = false;
    tell(at("wrong"), why);
    at("token").setAttribute("aria-invalid", String(Boolean(why)));
    if (asked || why) at("token").select();
  }
}
