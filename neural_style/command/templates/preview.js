'use strict';

const POLL = 400; // milliseconds between two questions
const element = (id) => document.getElementById(id);
const known = { run: 0, picture: null, losses: [], first: 0, fetching: false };

function number(value) {
  if (value === null) return 'not a number';
  return Number(value.toPrecision(4)).toLocaleString('en', { maximumSignificantDigits: 4 });
}

function begin(state) {
  Object.assign(known, { run: state.run, picture: null, losses: [], first: state.first });
  element('before').src = `/content?run=${state.run}`;
  for (const id of ['before', 'after', 'divider']) element(id).hidden = true;
  element('waiting').hidden = false;
  element('title').textContent = state.title;
  document.title = `${state.title} – neural_style`;
  const rows = state.settings.map(([flag, value]) => {
    const row = document.createElement('tr');
    for (const [tag, text] of [['th', flag], ['td', value]]) {
      row.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
    return row;
  });
  element('settings').replaceChildren(...rows);
}

function show(state) {
  known.losses.push(...state.losses);
  const last = known.losses.at(-1);
  const total = state.evaluations;
  element('evaluation').textContent = total === null ? state.evaluation
    : `${state.evaluation} of ${total}`;
  element('progress').value = total ? state.evaluation / total : 0;
  element('left').textContent = state.has_ended ? 'none' : duration(state.left) || '–';
  element('elapsed').textContent = duration(state.elapsed) || '–';
  const scale = state.scales > 1 ? ` (scale ${state.scale} of ${state.scales})` : '';
  element('size').textContent = state.size[0] ? `${state.size[0]} × ${state.size[1]}${scale}` : '–';
  element('loss').textContent = last ? number(last[2]) : '–';
  element('message').textContent = state.message;
  for (const id of ['save', 'stop']) element(id).disabled = state.has_ended || !state.evaluation;
  if (state.losses.length) draw();
}

// The next picture is loaded before it replaces the last one, so that nothing flickers.
async function fetchPicture(evaluation) {
  if (known.fetching || evaluation === null || evaluation === known.picture) return;
  known.fetching = true;
  try {
    const next = new Image();
    next.src = `/picture?run=${known.run}&evaluation=${evaluation}`;
    await next.decode();
    element('after').src = next.src;
    element('frame').style.maxWidth = `calc(82vh * ${next.naturalWidth / next.naturalHeight})`;
    known.picture = evaluation;
    for (const id of ['before', 'after']) element(id).hidden = false;
    element('waiting').hidden = true;
    compare();
  } catch {
    // The next question asks for it again.
  } finally {
    known.fetching = false;
  }
}

function compare() {
  const share = element('slider').value;
  element('before').style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  element('divider').style.left = `${share}%`;
  element('divider').hidden = share === '0' || element('before').hidden;
}

function draw() {
  drawLosses(element('chart'), known.losses, known.first);
}

async function ask() {
  try {
    let state = await (await fetch(`/state?since=${known.losses.length}`)).json();
    if (state.run && state.run !== known.run) {
      begin(state);
      state = await (await fetch('/state?since=0')).json();
    }
    if (state.run === known.run && state.run) {
      show(state);
      await fetchPicture(state.picture);
    }
  } catch {
    if (!element('message').textContent.startsWith('The program')) {
      const before = element('message').textContent;
      element('message').textContent = `The program has ended.${before ? ` ${before}` : ''}`;
    }
    for (const id of ['save', 'stop']) element(id).disabled = true;
    element('left').textContent = 'none';
  }
  setTimeout(ask, POLL);
}

async function post(path) {
  await fetch(path, { method: 'POST', headers: { 'X-Neural-Style': 'page' } });
}

element('save').addEventListener('click', () => post('/save'));
element('stop').addEventListener('click', () => {
  element('stop').disabled = true;
  post('/stop');
});
element('slider').addEventListener('input', compare);
window.addEventListener('resize', () => known.losses.length && draw());
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
ask();
