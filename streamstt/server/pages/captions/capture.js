// This device's microphone as pieces of s16le. Knows nothing of the network; says in plain words why it cannot.

const WANTED_RATE = 16_000; // what the recogniser takes; the server resamples others

const INSECURE =
  "Browsers give a page the microphone only over https, or on the machine itself (localhost). " +
  "Whoever runs the server can switch https on: settings tls_certificate and tls_key.";
const PROBLEMS = {
  NotAllowedError:
    "The browser was not allowed to use the microphone. Allow it for this page (beside the address), and start again.",
  NotFoundError: "This device has no microphone, or it is switched off. Connect one, and start again.",
  NotReadableError: "The microphone does not answer; another program may hold it. Close that, and start again.",
};

/**
 * Starts capturing.
 *
 * onPiece({pcm, ms, level})   pcm: ArrayBuffer of s16le mono; level: {rms, peak} in dB below full scale, or null
 * onGone(sentence)            the microphone has gone away; capturing is over
 *
 * Returns {rate, stop}. Throws an Error whose message is a sentence for people.
 */
export async function capture({ onPiece, onGone }) {
  if (!isSecureContext || !navigator.mediaDevices) throw new Error(INSECURE);
  const stream = await ask();
  const [track] = stream.getAudioTracks();
  let context;
  try {
    context = await listen(stream, onPiece);
  } catch (problem) {
    track.stop();
    throw new Error(`The browser cannot capture sound here (${problem.name}); a current one can.`);
  }
  track.addEventListener("ended", () => {
    onGone("The microphone has gone away. Connect it again, and start again.");
  });
  return {
    rate: context.sampleRate,
    stop() {
      track.stop(); // the browser's sign that it listens goes off
      if (context.state !== "closed") context.close();
    },
  };
}

async function ask() {
  // Noise is left in: what a browser takes for noise may be words. Its own loudspeaker is kept out.
  const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: false, autoGainControl: true };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (problem) {
    throw new Error(PROBLEMS[problem.name] ?? `The microphone cannot be used (${problem.name}).`);
  }
}

async function listen(stream, onPiece) {
  const [context, source] = connect(stream);
  await context.audioWorklet.addModule(new URL("capture_worklet.js", import.meta.url));
  const node = new AudioWorkletNode(context, "pieces", {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
  });
  node.port.onmessage = ({ data }) => onPiece(data);
  source.connect(node);
  await context.resume();
  return context;
}

/** At the wanted rate where the browser resamples a microphone (not Firefox), else at the device's. */
function connect(stream) {
  const wanted = new AudioContext({ sampleRate: WANTED_RATE });
  try {
    return [wanted, wanted.createMediaStreamSource(stream)];
  } catch {
    wanted.close();
    const own = new AudioContext();
    return [own, own.createMediaStreamSource(stream)];
  }
}
