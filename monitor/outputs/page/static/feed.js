// Server-sent events of one stream. The browser itself comes back after a break; what it gives up on is begun anew.

const FIRST_MS = 1000;
const LONGEST_MS = 15000;
const PROBE_MS = 10000;
const BEATS = 8 / 3;  // of silence are enough: 40 s
const RECONNECTING = "Reconnecting …";
const SILENT = "Nothing is heard of the monitor. Trying again …";

/** Tells what arrives, and how the connection does. */
export class Feed {
  /**
   * @param {string} name of the stream
   * @param {{
   *   hello: (told: object) => void, history: (told: object) => void, record: (told: object) => void,
   *   state: (told: object) => void, trouble: (told: {says: string}) => void,
   *   connection: (state: string, words: string) => void, refused: (status: number) => void, gone: () => void,
   * }} to
   */
  constructor(name, to) {
    this.address = `streams/${encodeURIComponent(name)}/events`;
    this.to = to;
    this.source = null;
    this.timer = 0;
    this.watch = 0;
    this.patience = 15000 * BEATS;
    this.failures = 0;
    this.away = RECONNECTING;
    this.open();
  }

  open() {
    const source = (this.source = new EventSource(this.address));
    const heard = (name, then) =>
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.heard();
        then(JSON.parse(event.data));
      });
    this.heard();
    heard("here", () => {});
    heard("trouble", this.to.trouble);
    heard("hello", (told) => {
      this.patience = told.beat_s * 1000 * BEATS;
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

  /** A connection that is cut without a word stays open for ever, and so does one to a monitor that hangs. */
  heard() {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => {
      if (this.source.readyState === EventSource.OPEN) this.away = SILENT;
      this.source.close();
      this.wait(this.away);
    }, this.patience);
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
    clearTimeout(this.watch);
    this.to.connection("reconnecting", words);
    const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures) * (0.75 + Math.random() / 2);
    this.failures += 1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), pause);
  }

  /** An EventSource does not say why it was refused: a request for its head does, and takes no place. */
  async ask() {
    const mine = this.source;
    const asking = new AbortController();
    const patience = setTimeout(() => asking.abort(), PROBE_MS);
    let status = 0;
    try {
      status = (await fetch(this.address, { method: "HEAD", signal: asking.signal })).status;
    } catch {
      // The monitor is not there (yet), or does not answer.
    } finally {
      clearTimeout(patience);
    }
    if (mine !== this.source) return;
    if (status === 200) this.open();
    else if (status === 404) {
      this.to.gone();
      this.wait(this.away);
    } else if (status === 401 || status === 403) this.to.refused(status);
    else this.wait(status === 503 ? "Too many viewers: waiting for a place …" : this.away);
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    this.source?.close();
    this.source = null;
  }
}
