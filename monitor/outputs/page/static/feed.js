// Server-sent events of one stream. The browser itself comes back after a break; what it gives up on is begun anew.

const FIRST_MS = 1000;
const LONGEST_MS = 15000;
const RECONNECTING = "Reconnecting …";

/** Tells what arrives, and how the connection does. */
export class Feed {
  /**
   * @param {string} name of the stream
   * @param {{
   *   hello: (told: object) => void, history: (told: object) => void, record: (told: object) => void,
   *   state: (told: object) => void, connection: (state: string, words: string) => void,
   *   refused: (status: number) => void,
   * }} to
   */
  constructor(name, to) {
    this.address = `streams/${encodeURIComponent(name)}/events`;
    this.to = to;
    this.source = null;
    this.timer = 0;
    this.failures = 0;
    this.away = RECONNECTING;
    this.open();
  }

  open() {
    const source = (this.source = new EventSource(this.address));
    const heard = (name, then) =>
      source.addEventListener(name, (event) => {
        if (source === this.source) then(JSON.parse(event.data));
      });
    heard("hello", (told) => {
      this.failures = 0;
      this.away = RECONNECTING;
      this.to.connection("live", "Connected");
      this.to.hello(told);
    });
    heard("history", (told) => {
      this.to.connection("live", "Connected");
      this.to.history(told);
    });
    heard("record", this.to.record);
    heard("state", this.to.state);
    heard("behind", () => this.to.connection("stalled", "Behind: what is missing is on its way"));
    heard("bye", () => (this.away = "The monitor has ended. Waiting for it to come back …"));
    source.addEventListener("error", () => source === this.source && this.broken());
  }

  broken() {
    if (this.source.readyState === EventSource.CONNECTING) {
      this.to.connection("reconnecting", this.away);
      return;
    }
    this.source.close();
    this.wait(this.away);
  }

  wait(words) {
    this.to.connection("reconnecting", words);
    const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), pause);
  }

  /** An EventSource does not say why it was refused: another request does. */
  async ask() {
    const mine = this.source;
    let status = 0;
    try {
      status = (await fetch("streams")).status;
    } catch {
      // The monitor is not there (yet).
    }
    if (mine !== this.source) return;
    if (status === 200) this.open();
    else if (status === 401 || status === 403) this.to.refused(status);
    else this.wait(status === 503 ? "Too many viewers: waiting for a place …" : this.away);
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
