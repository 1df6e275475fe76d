// The page: devices, preview, consent. Nothing is sent before "Start sharing", which needs the consent box.

import { Sharing } from "./sharing.js";

const at = (id) => document.getElementById(id);
const [video, empty, level, camera, mic, look, ask, token, consent, start, stop, state, said] =
  ["video", "empty", "level", "camera", "mic", "look", "ask", "token", "consent", "start", "stop", "state", "said"].map(at);

const NONE = "none";
let stream = null;
let sharing = null;

// The token comes in the fragment, which no server sees, and leaves the address bar at once: it is a secret.
function take() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  ask.hidden = Boolean(sessionStorage.getItem("token"));
}
take();

function tell(name, text) {
  if (state.dataset.state !== name) state.dataset.state = name;
  if (said.textContent !== text) said.textContent = text;
  if (name === "refused") ask.hidden = false;
  arrange();
}

function arrange() {
  const running = sharing !== null && !sharing.stopped;
  const known = Boolean(sessionStorage.getItem("token") || token.value.trim());
  start.disabled = running || !consent.checked || !known || !stream?.getTracks().length;
  stop.disabled = !running;
}

function wanted(select, more) {
  if (select.value === NONE) return false;
  return select.value ? { ...more, deviceId: { exact: select.value } } : more;
}

async function open() {
  look.disabled = true;
  try {
    await show();
  } finally {
    look.disabled = false;
  }
}

async function show() {
  const asked = {
    video: wanted(camera, { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } }),
    // How something is said is measured: what the browser would smooth away must stay.
    audio: wanted(mic, { echoCancellation: false, noiseSuppression: false, autoGainControl: false }),
  };
  for (const track of stream?.getTracks() ?? []) track.stop();
  try {
    stream = asked.video || asked.audio ? await navigator.mediaDevices.getUserMedia(asked) : new MediaStream();
  } catch (problem) {
    stream = null;
    tell("refused", refusedDevices(problem));
  }
  // A camera that is unplugged or taken back ends what is shared: nobody is shown who cannot be seen.
  for (const track of stream?.getTracks() ?? []) track.addEventListener("ended", end);
  video.srcObject = stream;
  empty.hidden = Boolean(stream?.getVideoTracks().length);
  listen();
  await list();
  arrange();
}

function refusedDevices(problem) {
  if (problem.name === "NotAllowedError") return "The browser was not allowed to use camera and microphone: allow it beside the address, then show them again.";
  if (problem.name === "NotFoundError") return "No such camera or microphone: plug one in, or choose “none” for the one that is missing.";
  if (problem.name === "NotReadableError") return "The camera or microphone is in use by another program.";
  return "Camera and microphone could not be opened.";
}

async function list() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  fill(camera, devices.filter((one) => one.kind === "videoinput"), "Camera");
  fill(mic, devices.filter((one) => one.kind === "audioinput"), "Microphone");
}

function fill(select, devices, name) {
  const kept = select.value;
  select.replaceChildren(
    ...devices.map((one, index) => new Option(one.label || `${name} ${index + 1}`, one.deviceId)),
    new Option("none", NONE),
  );
  if ([...select.options].some((one) => one.value === kept)) select.value = kept;
  select.disabled = false;
}

let context = null;
function listen() {
  context?.close();
  context = null;
  level.value = 0;
  if (!stream?.getAudioTracks().length) return;
  context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const mine = context;
  const measure = () => {
    if (context !== mine) return;
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
    level.value = Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-12) / 6));  // -60 dB is empty, 0 dB is full
    setTimeout(measure, 100);
  };
  measure();
}

async function begin() {
  if (token.value.trim()) sessionStorage.setItem("token", token.value.trim());
  token.value = "";
  ask.hidden = true;
  sharing = new Sharing(stream, sessionStorage.getItem("token"), tell);
  arrange();
  stop.focus();
  await sharing.run();
  arrange();
}

async function end() {
  await sharing?.stop();
  tell("idle", "Not sharing.");
}

async function choose() {
  // Other devices are another stream: what is shared ends, and the new one waits for a new start.
  await end();
  await open();
}

look.addEventListener("click", choose);
camera.addEventListener("change", choose);
mic.addEventListener("change", choose);
token.addEventListener("input", arrange);
start.addEventListener("click", begin);
stop.addEventListener("click", end);
consent.addEventListener("change", () => (consent.checked ? arrange() : end()));
addEventListener("hashchange", () => { take(); arrange(); });
addEventListener("pagehide", () => sharing?.leave());
navigator.mediaDevices?.addEventListener("devicechange", () => stream && list());

if (!navigator.mediaDevices) {
  look.disabled = true;
  tell("refused", "This browser gives pages no camera here: open the link on the monitor's own machine, or over https.");
}
arrange();
