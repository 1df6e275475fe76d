// The masked picture: asked for one at a time, so that it stops when nobody wants it, and no old one stays.

import { at, clock, tell } from "./words.js";

const PATIENCE_MS = 10000;

const WHY = {
  connecting: ["Waiting for the source", "No picture has come yet."],
  stalled: ["The source stalls", "No picture comes just now."],
  lost: ["The source is lost", "The monitor tries to reach it again."],
  paused: ["Paused for privacy", "Nothing is captured."],
  ended: ["The session has ended", "There is no picture any more."],
  failed: ["The session has failed", "There is no picture any more."],
};

/** The picture and the button that stops it. */
export class Preview {
  constructor() {
    this.canvas = at("preview");
    this.button = at("preview-button");
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.name = null;
    this.enabled = false;
    this.connected = false;
    this.every = 1;
    this.state = null;
    this.tag = null;
    this.drawn = false;
    this.asking = null;
    this.timer = 0;
    this.button.addEventListener("click", () => {
      this.still = !this.still;
      this.arrange();
    });
    document.addEventListener("visibilitychange", () => this.arrange());
    this.arrange();
  }

  /** Show another stream. @param {string} name */
  of(name) {
    this.name = name;
    this.state = null;
    this.connected = false;
    this.empty();
    this.arrange();
  }

  /** What `hello` said of pictures. */
  hello({ enabled, every_s: every }) {
    this.enabled = enabled;
    this.every = every;
    this.connection(true);
  }

  /** @param {boolean} connected whether the monitor answers: without it a picture would be an old one */
  connection(connected) {
    if (connected === this.connected) return;
    this.connected = connected;
    this.arrange();
  }

  /** @param {{state: string, says: string, answers: boolean, preview: string} | null} state of the session */
  session(state) {
    this.state = state;
    this.arrange();
  }

  arrange() {
    const there = this.connected && this.enabled && this.state?.preview === "picture";
    if (!there) this.empty();
    const wanted = there && !this.still && !document.hidden;
    if (wanted && this.asking === null) this.ask();
    if (!wanted && this.asking !== null) this.stop();
    tell(this.button, this.still ? "Play the picture" : "Pause the picture");
    this.button.disabled = !this.enabled;
    this.explain();
  }

  async ask() {
    const asking = (this.asking = new AbortController());
    const patience = setTimeout(() => asking.abort(), PATIENCE_MS);
    try {
      const headers = this.tag ? { "if-none-match": this.tag } : {};
      const address = `streams/${encodeURIComponent(this.name)}/preview.jpg`;
      const answer = await fetch(address, { headers, signal: asking.signal });
      this.every = Number.parseFloat(answer.headers.get("x-every-s")) || this.every;
      if (answer.status === 200) await this.draw(answer, asking);
      else if (answer.status !== 304) this.empty();
    } catch {
      if (this.asking === asking) this.empty();
    } finally {
      clearTimeout(patience);
    }
    if (this.asking !== asking) return;
    this.explain();
    this.timer = setTimeout(() => this.ask(), this.every * 1000);
  }

  async draw(answer, asking) {
    const picture = await createImageBitmap(await answer.blob());
    if (this.asking === asking) {
      this.canvas.width = picture.width;
      this.canvas.height = picture.height;
      this.canvas.getContext("2d").drawImage(picture, 0, 0);
      this.tag = answer.headers.get("etag");
      this.drawn = true;
      const time = Number.parseFloat(answer.headers.get("x-media-s"));
      this.canvas.setAttribute("aria-label", `De-identified picture at ${clock(time)}`);
      tell(at("preview-time"), `Picture of ${clock(time)}`);
    }
    picture.close();
  }

  stop() {
    clearTimeout(this.timer);
    const asking = this.asking;
    this.asking = null;
    asking?.abort();
  }

  /** Take away what is shown: the time it belongs to is over. */
  empty() {
    if (!this.drawn) return;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.setAttribute("aria-label", "No picture");
    tell(at("preview-time"), "");
    this.tag = null;
    this.drawn = false;
  }

  explain() {
    at("over").hidden = this.drawn;
    if (this.drawn) return;
    const [title, why] = this.reason();
    tell(at("over-title"), title);
    tell(at("over-why"), why);
  }

  reason() {
    if (!this.connected) return ["No connection to the monitor", "An old picture is not shown."];
    if (!this.enabled) return ["No picture here", "The monitor was told to show none (outputs.web.preview)."];
    if (this.state === null) return ["Waiting for the session", "No picture has come yet."];
    if (!this.state.answers) return [this.state.says, "An old picture is not shown."];
    const known = WHY[this.state.state];
    if (known) return known;
    if (this.still) return ["The picture is paused here", "The session goes on. “Play the picture” shows it."];
    return ["No picture yet", "The first one is on its way."];
  }
}
