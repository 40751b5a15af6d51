'use strict';

// The camera that is painted live.  Its newest frame goes to the painter once there is an answer to
// the last one; what it sees meanwhile is dropped, so that no lag grows.
(() => {
  const QUALITY = 0.85; // of a frame as a JPEG
  const RETRY = 500; // milliseconds after a frame that was refused
  const PERIOD = 1000; // milliseconds between two looks at the numbers
  const part = (name) => document.querySelector(`[data-live="${name}"]`);
  const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
  const wait = (time) => new Promise((resolve) => { setTimeout(resolve, time); });
  const REFUSALS = {
    NotAllowedError: 'The browser does not give the camera to this page. Allow it beside the address, then start again.',
    NotFoundError: 'There is no camera.',
    NotReadableError: 'The camera does not answer. Another program may be using it.',
  };
  let run = null; // of the camera, from start to stop

  async function start(deviceId) {
    stop();
    const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (x) => x.toString(16)).join('-');
    const begun = run = { id, isSending: false, sent: 0, count: 0, lag: 0, since: 0 };
    say('');
    part('switch').textContent = 'Stop the camera';
    part('numbers').textContent = 'Starting …';
    try {
      if (!navigator.mediaDevices) throw new Error('Browsers give the camera only to pages with https, or on their own machine (http://127.0.0.1).');
      const device = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: 'user' };
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false, video: { width: { ideal: 640 }, height: { ideal: 480 }, ...device },
      });
      begun.stream = stream;
      if (run !== begun) return release(begun); // stopped meanwhile
      const [track] = stream.getVideoTracks();
      track.onended = () => fail(begun, 'The camera has gone.');
      await describe(track);
      part('camera').srcObject = stream;
      part('camera').hidden = false;
      await part('camera').play();
      watch(begun);
    } catch (error) {
      fail(begun, REFUSALS[error.name] ?? error.message);
    }
  }

  // Tells which cameras there are; what is seen of others is not mirrored.
  async function describe(track) {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const cameras = devices.filter((device) => device.kind === 'videoinput');
    const { deviceId: used, facingMode } = track.getSettings();
    if (facingMode === 'environment') part('mirror').checked = false;
    mirror();
    part('cameras').replaceChildren(...cameras.map(({ label, deviceId }, index) =>
      new Option(label || `Camera ${index + 1}`, deviceId, false, deviceId === used)));
    part('cameras').hidden = cameras.length < 2;
  }

  function mirror() {
    part('camera').classList.toggle('ns-mirrored', part('mirror').checked);
  }

  function release(ended) {
    ended.stream?.getTracks().forEach((track) => track.stop());
    fetch(`/live/${ended.id}/end`, { method: 'POST', keepalive: true }).catch(() => {});
  }

  function stop() {
    if (!run) return;
    release(run);
    run = null;
    part('switch').textContent = 'Start the camera';
    part('camera').srcObject = null;
    part('camera').hidden = true;
    part('numbers').textContent = '';
  }

  function fail(failed, message) {
    if (run !== failed) return;
    stop();
    say(message, true);
  }

  function say(message, isFailure = false) {
    if (part('status').textContent !== message) part('status').textContent = message;
    part('status').classList.toggle('ns-failed', isFailure);
  }

  // Notes every frame that the camera shows: there is none while nobody looks at the page.
  function watch(watched) {
    if (run !== watched) return;
    const look = (now, { captureTime } = {}) => {
      watched.newest = captureTime ?? now;
      send(watched);
      watch(watched);
    };
    // which old browsers lack
    part('camera').requestVideoFrameCallback?.(look) ?? requestAnimationFrame((now) => look(now));
  }

  async function send(sender) {
    if (run !== sender || sender.isSending || sender.newest === sender.sent) return;
    const style = document.querySelector('#ns-live-choice [data-style]')?.dataset.style;
    if (!style) {
      say('Choose a style first.', true);
      return;
    }
    const captured = sender.sent = sender.newest;
    sender.isSending = true;
    try {
      const frame = await capture();
      if (run !== sender) return;
      const answer = await fetch(`/live/${sender.id}/frame?${settings(style)}`, { method: 'POST', body: frame });
      if (run !== sender) return;
      if (answer.ok) await show(sender, captured, await answer.blob());
      else if ([400, 429].includes(answer.status)) {
        if (answer.status === 400) say(sentence(await answer.text()), true);
        await wait(RETRY);
      } else fail(sender, sentence(await answer.text()));
    } catch {
      fail(sender, 'The page does not answer: the program has ended, or the network is down.');
    } finally {
      sender.isSending = false;
    }
    send(sender);
  }

  function settings(style) {
    const weights = Array.from(document.querySelectorAll('#ns-live-choice [data-weight]'), (x) => x.value);
    const strength = (document.querySelector('#ns-live-strength input[type=number]')?.value ?? 100) / 100;
    return new URLSearchParams({ style, strength, weights });
  }

  // Returns what the camera shows now, as a JPEG in the chosen size.
  function capture() {
    const { videoWidth: width, videoHeight: height } = part('camera');
    const size = document.querySelector('#ns-live-size input:checked')?.value ?? 256;
    const scale = Math.min(1, size / Math.max(width, height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext('2d');
    if (part('mirror').checked) pen.setTransform(-1, 0, 0, 1, canvas.width, 0);
    pen.drawImage(part('camera'), 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => { canvas.toBlob(resolve, 'image/jpeg', QUALITY); });
  }

  async function show(shower, captured, blob) {
    const picture = await createImageBitmap(blob);
    if (run !== shower) return;
    const canvas = part('painted');
    canvas.width = picture.width; // which clears it
    canvas.height = picture.height;
    canvas.getContext('2d').drawImage(picture, 0, 0);
    picture.close();
    part('frame').style.aspectRatio = `${canvas.width} / ${canvas.height}`;
    part('frame').style.maxWidth = `calc(72vh * ${canvas.width / canvas.height})`;
    canvas.hidden = part('save').disabled = false;
    part('waiting').hidden = true;
    say('');
    tell(shower, captured);
  }

  // Tells every second how fast the painter is, from the first picture on: that one waited for it.
  function tell(shower, captured) {
    const now = performance.now();
    if (!shower.since) {
      shower.since = now;
      return;
    }
    shower.count++;
    shower.lag += now - captured;
    const time = now - shower.since;
    if (time < PERIOD) return;
    const { width, height } = part('painted');
    part('numbers').textContent = [`${(1000 * shower.count / time).toFixed(1)} pictures a second`,
      `${Math.round(shower.lag / shower.count)} ms behind the camera`, `${width} × ${height}`].join(' · ');
    Object.assign(shower, { count: 0, lag: 0, since: now });
  }

  function save() {
    part('painted').toBlob((blob) => {
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = 'painted.png';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }

  document.addEventListener('click', (event) => {
    if (event.target === part('switch')) (run ? stop : start)();
    if (event.target === part('save')) save();
  });
  document.addEventListener('change', (event) => {
    if (event.target === part('cameras') && run) start(event.target.value);
    if (event.target === part('mirror')) mirror();
  });
  window.addEventListener('pagehide', stop);
  // Another tab of the page ends it.
  setInterval(() => { if (run && !part('frame').offsetParent) stop(); }, PERIOD);
})();
