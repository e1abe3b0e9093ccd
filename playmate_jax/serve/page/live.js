// Speech from the microphone over WebRTC (live_rtc.js) to a video element; where that does not
// connect, to /v1/stream, whose frames are drawn onto a canvas (docs/serve.md has both protocols).
// `element` is the tab's own part of the page.
const find = (name) => element.querySelector(name);
const start = find("[data-do=start]"), stop = find("[data-do=stop]"), canvas = find("canvas");
const video = find("video"), withSound = find(".pm-sound");
const HEAD = 20, HZ = 16000;
let socket = null, sound = null, microphone = null, rtc = null, playAt = 0;

const tell = (text, isProblem) => {
  const line = document.createElement("div");
  line.className = isProblem ? "pm-problem" : "pm-status";
  line.textContent = text;
  find(".pm-told").replaceChildren(line);
};

const end = () => {
  socket?.close();
  rtc?.end();
  microphone?.getTracks().forEach((track) => track.stop());
  sound?.close();
  socket = sound = microphone = rtc = null;
  start.disabled = false;
  stop.disabled = true;
};

const RECORDER = `registerProcessor("recorder", class extends AudioWorkletProcessor {
  process([[samples]]) {
    if (samples) {
      this.port.postMessage(Int16Array.from(samples, (x) => 32767 * Math.max(-1, Math.min(1, x))));
    }
    return true;
  }
})`;

const record = async (to) => {
  const url = URL.createObjectURL(new Blob([RECORDER], { type: "text/javascript" }));
  await sound.audioWorklet.addModule(url);
  URL.revokeObjectURL(url);
  const recorder = new AudioWorkletNode(sound, "recorder", { numberOfOutputs: 0 });
  recorder.port.onmessage = ({ data }) => to.readyState === 1 && to.send(data.buffer);
  sound.createMediaStreamSource(microphone).connect(recorder);
};

const play = (samples) => {
  const part = sound.createBuffer(1, samples.length, HZ);
  part.copyToChannel(Float32Array.from(samples, (x) => x / 32768), 0);
  const source = sound.createBufferSource();
  source.buffer = part;
  source.connect(sound.destination);
  if (playAt < sound.currentTime || playAt > sound.currentTime + 1) {
    playAt = sound.currentTime + 0.08;
  }
  source.start(playAt);
  playAt += part.duration;
};

const show = async (message) => {
  const head = new DataView(message), count = head.getUint16(14, true);
  const size = head.getUint32(16, true);
  const image = await createImageBitmap(new Blob([new Uint8Array(message, HEAD, size)]));
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
  }
  canvas.getContext("2d").drawImage(image, 0, 0);
  canvas.dataset.frames = head.getUint32(4, true);
  if (sound && withSound.checked) {
    play(new Int16Array(message.slice(HEAD + size, HEAD + size + 2 * count)));
  }
};

const shown = (over) => {
  element.querySelector(".pm-live").dataset.over = over;
  video.hidden = over !== "webrtc";
  canvas.hidden = !video.hidden;
};

const overRtc = async (portrait) => {
  const opened = microphone;
  const found = await openRtc(opened, portrait, video, () => {
    if (opened !== microphone) return;
    end();
    tell("Ended.");
  });
  if (!found || found.error) {
    if (found) tell(found.error, true);
    return found;
  }
  if (opened !== microphone) return found.end();  // stopped meanwhile
  rtc = found;
  shown("webrtc");
  tell("Speak.");
  const count = () => {
    video.dataset.frames = 1 + Number(video.dataset.frames || 0);
    if (rtc === found) video.requestVideoFrameCallback?.(count);
  };
  video.requestVideoFrameCallback?.(count);
  return found;
};

const overSocket = (portrait) => {
  shown("websocket");
  sound = new AudioContext({ sampleRate: HZ });
  const where = new URL("v1/stream", document.baseURI);
  where.protocol = where.protocol.replace("http", "ws");
  const opened = (socket = new WebSocket(where));
  opened.binaryType = "arraybuffer";
  opened.onopen = async () => {
    opened.send(JSON.stringify({ type: "start", portrait: portrait ? "upload" : "bundled" }));
    if (portrait) opened.send(await portrait.arrayBuffer());
  };
  opened.onmessage = ({ data }) => {
    if (typeof data !== "string") return show(data);
    const told = JSON.parse(data);
    if (told.type === "ready") {
      tell("Speak.");
      record(opened);
    } else if (told.type === "error") {
      tell(told.error, true);
    }
  };
  opened.onclose = () => {
    if (opened === socket) end();
    if (!find(".pm-problem")) tell("Ended.");
  };
};

start.addEventListener("click", async () => {
  start.disabled = true;
  stop.disabled = false;
  tell("Starting ...");
  try {
    microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch (error) {
    end();
    return tell("expected a microphone, found none that may be used: allow it in the browser", true);
  }
  const opened = microphone, portrait = find("input[type=file]").files[0];
  const found = await overRtc(portrait).catch(() => null);
  if (opened !== microphone) return;
  if (found?.error) return end();
  if (!found) overSocket(portrait);
});
withSound.addEventListener("change", () => {
  video.muted = !withSound.checked;
});
stop.addEventListener("click", () => {
  end();
  tell("Ended.");
});
