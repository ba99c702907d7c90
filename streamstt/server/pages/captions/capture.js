// Captures this device's microphone as chunks of s16le. It knows nothing of the network.

const TARGET_RATE = 16_000; // what the recognizer uses; the server resamples other rates

const INSECURE =
  "Browsers allow a page to use the microphone only over https, or on the server’s own machine (localhost). " +
  "The settings tls_certificate and tls_key of the server turn https on.";
const PROBLEMS = {
  NotAllowedError:
    "The browser is not allowed to use the microphone. Allow it for this page (next to the address), and start again.",
  NotFoundError: "This device has no microphone, or it is switched off. Connect one, and start again.",
  NotReadableError: "The microphone does not respond; another program may be using it. Close that, and start again.",
};

/**
 * Starts capturing.
 *
 * onChunk({pcm, ms, level})   pcm: ArrayBuffer of s16le mono; level: {rms, peak} in dB relative to full scale, or null
 * onLost(sentence)            the microphone was disconnected; capturing is over
 *
 * Returns {rate, stop}. Throws an Error whose message is a sentence for the user.
 */
export async function startCapture({ onChunk, onLost }) {
  if (!isSecureContext || !navigator.mediaDevices) throw new Error(INSECURE);
  const stream = await requestMicrophone();
  const [track] = stream.getAudioTracks();
  let context;
  try {
    context = await process(stream, onChunk);
  } catch (error) {
    track.stop();
    throw new Error(`This browser cannot capture sound here (${error.name}). Try a current one.`);
  }
  track.addEventListener("ended", () => {
    onLost("The microphone was disconnected. Connect it again, and start again.");
  });
  return {
    rate: context.sampleRate,
    stop() {
      track.stop(); // the browser's recording indicator goes off
      if (context.state !== "closed") context.close();
    },
  };
}

async function requestMicrophone() {
  // No noise suppression, because it may remove words. The echo of the device's own loudspeaker is removed.
  const audio = { channelCount: 1, echoCancellation: true, noiseSuppression: false, autoGainControl: true };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Error(PROBLEMS[error.name] ?? `The microphone cannot be used (${error.name}).`);
  }
}

async function process(stream, onChunk) {
  const [context, source] = createSource(stream);
  await context.audioWorklet.addModule(new URL("capture_worklet.js", import.meta.url));
  const node = new AudioWorkletNode(context, "chunks", {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
  });
  node.port.onmessage = ({ data }) => onChunk(data);
  source.connect(node);
  await context.resume();
  return context;
}

/** At the target rate if the browser resamples microphones (Firefox does not), else at the device's. */
function createSource(stream) {
  const resampling = new AudioContext({ sampleRate: TARGET_RATE });
  try {
    return [resampling, resampling.createMediaStreamSource(stream)];
  } catch {
    resampling.close();
    const native = new AudioContext();
    return [native, native.createMediaStreamSource(stream)];
  }
}
