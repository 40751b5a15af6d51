'use strict';

// The picture that grows, its curves and its state.  What it shows is in #ns-job, as data-job.
(() => {
  const POLL = 500; // milliseconds between two questions
  const SKETCHED = 1 / 15; // share of the steps until which what is painted at once is shown
  const shown = { job: '', picture: null, losses: [], before: false, fetching: false };
  const part = (name) => document.querySelector(`#ns-stage [data-part="${name}"]`);
  const plural = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;

  const isSketched = (state) => state.has_sketch && ['waiting', 'painting'].includes(state.state)
    && ((state.picture ?? null) === null || state.evaluation < SKETCHED * state.evaluations);
  const sketched = (state) => isSketched(state) ? 'for now, painted at once' : '';

  function describe(state) {
    const unit = state.is_video ? 'frame' : 'step';
    const step = state.evaluation ? `${unit} ${state.evaluation} of ${state.evaluations}` : '';
    const size = state.size && state.size[0] ? `${state.size[0]} × ${state.size[1]}` : '';
    const list = (...texts) => texts.filter(Boolean).join(' · ');
    switch (state.state) {
      case 'waiting':
        return list(state.position
          ? `Waiting: ${plural(state.position, 'picture')} to be painted before`
          : 'Waiting for its turn', sketched(state));
      case 'painting':
        if (state.request) return list(state.request === 'pause' ? 'Pausing …' : 'Stopping …', step);
        if (!state.evaluation) {
          return state.is_video && state.evaluations
            ? `Painting the first of ${plural(state.evaluations, 'frame')} …`
            : list('Preparing the network …', sketched(state));
        }
        return list('Painting', step, size, (state.left ?? null) === null ? ''
          : `${duration(state.left) || '0 s'} left`, sketched(state));
      case 'paused': return list('Paused', step, size);
      case 'finished': return list('Finished', state.is_video ? plural(state.evaluation, 'frame') : '', size,
        state.elapsed >= 0.5 ? duration(state.elapsed) : '', state.message);
      case 'stopped': return list('Stopped', step, size, state.message);
      case 'failed': return `That did not work: ${state.message || 'the program ended unexpectedly'}`;
      default: return '';
    }
  }

  function begin(job) {
    Object.assign(shown, { job, picture: null, losses: [], before: false });
    for (const name of ['before', 'after', 'divider', 'compare', 'numbers', 'video']) {
      part(name).hidden = true;
    }
    part('video').removeAttribute('src');
    part('waiting').hidden = false;
    part('invitation').hidden = !!job;
    part('progress').value = 0;
    part('progress').hidden = !job;
    part('status').textContent = '';
    part('slider').value = 0;
  }

  // Buttons and links are the server's; it is asked for them when the stage changes.
  function refresh(state) {
    const stage = `${state.state} ${state.has_picture}`;
    if (stage !== shown.stage) document.getElementById('ns-refresh')?.click();
    shown.stage = stage;
  }

  function show(state) {
    const text = describe(state);
    if (part('status').textContent !== text) part('status').textContent = text;
    part('status').classList.toggle('ns-failed', state.state === 'failed');
    part('progress').value = state.evaluations ? state.evaluation / state.evaluations : 0;
    if (state.has_before && !shown.before) {
      part('before').src = `/job/${shown.job}/before.jpg`;
      shown.before = true;
      if (!part('after').hidden) reveal();
    }
    play(state);
    refresh(state);
    shown.losses = state.losses || [];
    shown.first = state.evaluation - shown.losses.length;
    part('numbers').hidden = shown.losses.length < 2;
    if (shown.losses.length > 1) draw();
  }

  function play(state) {
    const isShown = state.is_video && state.state === 'finished' && state.has_picture;
    if (isShown && part('video').hidden) {
      part('video').onerror = () => { part('video').hidden = true; }; // the next question tries again
      part('video').poster = `/job/${shown.job}/live.jpg`;
      part('video').src = `/job/${shown.job}/picture.mp4`;
      part('video').play().catch(() => {}); // where the browser waits for a click
    }
    part('video').hidden = !isShown;
  }

  function reveal() {
    part('before').hidden = part('compare').hidden = !shown.before;
    compare();
  }

  // The next picture is loaded before it replaces the last one, so that nothing flickers.
  async function fetchPicture(evaluation) {
    if (shown.fetching || evaluation === null || evaluation === shown.picture) return;
    shown.fetching = true;
    const job = shown.job;
    try {
      const next = new Image();
      // Not decode(): in a tab that draws nothing it may never settle.
      const loaded = new Promise((resolve, reject) => Object.assign(next, { onload: resolve, onerror: reject }));
      next.src = evaluation === 'sketch' ? `/job/${job}/sketch.jpg`
        : `/job/${job}/live.jpg?evaluation=${evaluation}`;
      await loaded;
      if (job !== shown.job) return;
      part('after').src = next.src;
      part('frame').style.aspectRatio = `${next.naturalWidth} / ${next.naturalHeight}`;
      part('frame').style.maxWidth = `calc(72vh * ${next.naturalWidth / next.naturalHeight})`;
      shown.picture = evaluation;
      part('after').hidden = false;
      part('waiting').hidden = true;
      reveal();
    } catch {
      // The next question asks for it again.
    } finally {
      shown.fetching = false;
    }
  }

  function compare() {
    const share = part('slider').value;
    part('before').style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    part('divider').style.left = `${share}%`;
    part('divider').hidden = share === '0' || part('before').hidden;
  }

  function draw() {
    drawLosses(part('chart'), shown.losses, shown.first);
  }

  // What Gradio calls Thumbnail 1 of 11 has a caption, or else a file with a name.
  function nameThumbnails() {
    for (const button of document.querySelectorAll('.ns-thumbs [aria-label^="Thumbnail"]')) {
      const file = button.querySelector('img')?.src.split('/').pop().split('.')[0] ?? '';
      const name = button.querySelector('.caption-label')?.textContent.trim() || file.replaceAll('_', ' ');
      if (name) button.ariaLabel = name;
    }
  }

  async function ask() {
    nameThumbnails();
    try {
      const job = document.querySelector('#ns-job [data-job]')?.dataset.job ?? '';
      if (part('frame') && job !== shown.job) begin(job);
      if (part('frame') && job && !document.hidden) {
        const answer = await fetch(`/job/${job}/state`);
        if (answer.ok && job === shown.job) {
          const state = await answer.json();
          show(state);
          fetchPicture(isSketched(state) ? 'sketch' : state.picture ?? null);
        }
      }
    } catch {
      if (part('status')) part('status').textContent = 'The program has ended; results are kept.';
    }
    setTimeout(ask, POLL);
  }

  // Files that are no pictures, dropped on one, go the way of the button beneath it.
  const isStyle = (file) => file.name.endsWith('.safetensors');
  const WAYS = [
    ['#ns-content', 'ns-video', (file) => file.type.startsWith('video/')],
    ['#ns-style', 'ns-trained', isStyle],
    ['#ns-live-style', 'ns-live-trained', isStyle],
  ];
  document.addEventListener('drop', (event) => {
    const [file] = event.dataTransfer?.files ?? [];
    const way = file && WAYS.find(([target, , takes]) => takes(file) && event.target.closest(target));
    const input = way && document.getElementById(way[1])?.previousElementSibling; // of type file
    if (!input) return;
    event.preventDefault();
    event.stopPropagation();
    const transfer = new DataTransfer();
    transfer.items.add(file);
    input.files = transfer.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  }, true);
  document.addEventListener('input', (event) => {
    if (event.target === part('slider')) compare();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) document.getElementById('ns-paint')?.click();
  });
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const text = button.closest('[data-recipe]').querySelector('code').textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no clipboard without https
      const range = document.createRange();
      range.selectNodeContents(button.closest('[data-recipe]').querySelector('code'));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      document.execCommand('copy');
    }
    const label = button.textContent;
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  window.addEventListener('resize', () => part('chart') && shown.losses.length > 1 && draw());
  ask();
})();
