// Keeps one stream published at the monitor: offers it, watches it, and redials with backoff when it is lost.

const GATHER_MS = 2000;    // an unreachable STUN server must not hold the offer back for long
const LOST_MS = 3000;      // what is disconnected or silent heals by itself within that, or not at all
const LOOK_MS = 1000;      // how often the monitor is asked how it is going
const LONGEST_S = 10;      // between two attempts
const AUDIO_BITS = 64000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Sharing {
  // `tell(state, text)` is called at every change: idle, connecting, live, lost, paused or refused.
  constructor(stream, token, tell) {
    this.stream = stream;
    this.token = token;
    this.tell = tell;
    this.pc = null;
    this.location = null;
    this.stopped = false;
    this.failures = 0;
  }

  async run() {
    while (!this.stopped) {
      const outcome = await this.attempt();
      await this.hangUp();
      if (this.stopped) break;
      if (outcome.final) {
        this.stopped = true;
        this.tell("refused", outcome.text);
        return;
      }
      await this.wait(outcome);
    }
    this.tell("idle", "Not sharing.");
  }

  async stop() {
    this.stopped = true;
    await this.hangUp();
  }

  // The page is going away: no time for anything but to say so.
  leave() {
    this.stopped = true;
    this.hangUp();
  }

  async attempt() {
    this.tell("connecting", "Connecting to the monitor …");
    try {
      const servers = (await this.ask("/state")).ice_servers;
      await this.dial(servers);
    } catch (problem) {
      return problem.outcome ?? { state: "lost", text: "The monitor cannot be reached" };
    }
    return this.watch();
  }

  async dial(iceServers) {
    const pc = this.pc = new RTCPeerConnection({ iceServers });
    for (const track of this.stream.getTracks()) {
      const { sender } = pc.addTransceiver(track, { direction: "sendonly", streams: [this.stream] });
      if (track.kind === "audio") {
        const parameters = sender.getParameters();
        for (const encoding of parameters.encodings ?? []) encoding.maxBitrate = AUDIO_BITS;
        await sender.setParameters(parameters).catch(() => {});
      }
    }
    await pc.setLocalDescription();
    await Promise.race([gathered(pc), pause(GATHER_MS)]);
    const response = await this.fetch("/whip", {
      method: "POST",
      headers: { "Content-Type": "application/sdp", "X-Consent": "yes" },
      body: pc.localDescription.sdp,
    });
    this.location = response.headers.get("Location");
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
  }

  // Returns once the connection is lost.
  async watch() {
    const pc = this.pc;
    const session = this.location?.split("/").pop();
    const lost = { state: "lost", text: "The connection was lost" };
    let fine = performance.now();
    let answered = fine;
    while (!this.stopped && this.pc === pc) {
      await pause(LOOK_MS);
      if (this.stopped) break;
      const state = pc.connectionState;
      if (state === "failed" || state === "closed") return lost;
      if (state !== "disconnected") fine = performance.now();
      if (performance.now() - fine > LOST_MS) return lost;
      let seen;
      try {
        seen = await this.ask("/state");
      } catch (problem) {
        if (problem.outcome?.final) return problem.outcome;
        if (performance.now() - answered > LOST_MS) return { state: "lost", text: "The monitor does not answer" };
        continue;
      }
      answered = performance.now();
      if (seen.session !== session) {
        return seen.monitor === "away" ? { state: "paused", text: "The monitor is not listening just now; nothing is sent" } : lost;
      }
      if (seen.monitor === "live") {
        this.failures = 0;
        this.tell("live", received(seen.silent_s));
      }
    }
    return lost;
  }

  async wait(outcome) {
    const longest = Math.min(LONGEST_S, 2 ** this.failures++);
    const until = performance.now() + 1000 * (outcome.retry ?? longest * (0.75 + 0.25 * Math.random()));
    while (!this.stopped && performance.now() < until) {
      const left = Math.ceil((until - performance.now()) / 1000);
      this.tell(outcome.state, `${outcome.text}. Trying again in ${left} s.`);
      await pause(Math.min(250, until - performance.now()));
    }
  }

  async hangUp() {
    const { pc, location } = this;
    this.pc = this.location = null;
    pc?.close();
    // A page that is closed sends no goodbye by itself: the monitor would wait for it.
    if (location) await this.fetch(location, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  async ask(path) {
    return (await this.fetch(path)).json();
  }

  async fetch(path, options = {}) {
    const headers = { Authorization: `Bearer ${this.token}`, ...options.headers };
    const response = await fetch(path, { ...options, headers, signal: AbortSignal.timeout(8000) });
    if (!response.ok) throw Object.assign(new Error(), { outcome: await refusal(response) });
    return response;
  }
}

function gathered(pc) {
  return new Promise((done) => {
    const look = () => pc.iceGatheringState === "complete" && done();
    pc.addEventListener("icegatheringstatechange", look);
    look();
  });
}

async function refusal(response) {
  const said = (await response.text()).trim();
  const text = said.charAt(0).toUpperCase() + said.slice(1);
  const retry = Number(response.headers.get("Retry-After")) || undefined;
  if (response.status === 503) return { state: "paused", text, retry };
  if (response.status === 409 || response.status === 429) return { state: "lost", text, retry };
  return { final: true, text: `${text}.` };
}

function received(silent) {
  const kinds = [["video", "picture"], ["audio", "sound"]].filter(([kind]) => silent[kind] !== null);
  const names = (wanted) => kinds.filter(([kind]) => (silent[kind] > 2) !== wanted).map(([, name]) => name).join(" and ");
  const missing = names(false);
  return `Live: the monitor receives ${names(true) || "nothing"}.${missing ? ` No ${missing} for more than 2 s.` : ""}`;
}
