// Microphone and portrait over /v1/webrtc (docs/serve.md has the protocol); the part of the tab Live
// that comes before live.js. `openRtc` gives null where the browser or the server cannot.
const RTC_WAIT_MS = 6000;

const gathered = (connection) => new Promise((done) => {
  const look = () => connection.iceGatheringState === "complete" && done();
  connection.addEventListener("icegatheringstatechange", look);
  setTimeout(done, 1000);
  look();
});

const connected = (connection) => new Promise((done) => {
  const look = () => {
    if (connection.connectionState === "connected") done(true);
    if (["failed", "closed"].includes(connection.connectionState)) done(false);
  };
  connection.addEventListener("connectionstatechange", look);
  setTimeout(() => done(false), RTC_WAIT_MS);
  look();
});

// Returns {end}, {error} where the server refuses the portrait, or null.
const openRtc = async (microphone, portrait, video, onEnd) => {
  if (!window.RTCPeerConnection) return null;
  const where = new URL("v1/webrtc", document.baseURI);
  const connection = new RTCPeerConnection();
  connection.addTrack(microphone.getAudioTracks()[0], microphone);
  connection.addTransceiver("video", { direction: "recvonly" });
  const control = connection.createDataChannel("control");
  control.onclose = () => onEnd();
  connection.ontrack = ({ track, streams }) => {
    if (track.kind === "video") video.srcObject = streams[0];
  };
  await connection.setLocalDescription();
  await gathered(connection);
  const form = new FormData();
  form.append("sdp", connection.localDescription.sdp);
  if (portrait) form.append("portrait", portrait);
  const answer = await fetch(where, { method: "POST", body: form }).catch(() => null);
  if (!answer?.ok) {
    connection.close();
    const elsewhere = !answer || [404, 405, 501].includes(answer.status);
    return elsewhere ? null : { error: (await answer.json()).error };
  }
  const { id, sdp } = await answer.json();
  const end = () => {
    control.onclose = null;
    connection.close();
    video.srcObject = null;
    return fetch(new URL(`webrtc/${id}`, where), { method: "DELETE", keepalive: true })
      .catch(() => null);
  };
  await connection.setRemoteDescription({ type: "answer", sdp });
  if (await connected(connection)) return { end };
  await end();  // before another stream is asked for
  return null;
};
