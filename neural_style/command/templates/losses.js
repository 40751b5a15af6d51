'use strict';

// What the page of -preview and that of neural_style-web share: times in words, and the curves.

function duration(seconds) {
  if (seconds === null || seconds === undefined) return '';
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

// losses: [content, style, total] of each evaluation after the first ones, in a figure with a legend.
function drawLosses(canvas, losses, first) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  const colors = getComputedStyle(canvas);
  const values = losses.flat().filter((loss) => loss > 0).map(Math.log10);
  if (!values.length) return;
  const [left, top, right, bottom] = [44, 6, width - 4, height - 18];
  // Down to a hundredth of the lowest total: a content loss may begin at nearly nothing.
  const totals = losses.map((row) => row[2]).filter((loss) => loss > 0);
  const floor = Math.log10(totals.reduce((a, b) => Math.min(a, b), Infinity)) - 2;
  const low = Math.max(values.reduce((a, b) => Math.min(a, b)), floor);
  const high = values.reduce((a, b) => Math.max(a, b));
  const span = Math.max(high - low, 0.3);
  const end = first + Math.max(losses.length, 2);
  const start = first + 1;
  const x = (n) => left + ((n - start) / Math.max(end - start, 1)) * (right - left);
  const y = (log) => bottom - ((log - low) / span) * (bottom - top);
  context.font = '11px system-ui, sans-serif';
  context.fillStyle = colors.color;
  context.strokeStyle = colors.outlineColor;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  const step = Math.max(Math.ceil(span / 4), 1);
  for (let power = Math.ceil(low); power <= low + span; power += step) {
    context.beginPath();
    context.moveTo(left, y(power));
    context.lineTo(right, y(power));
    context.stroke();
    context.fillText(power < 5 && power > -3 ? (10 ** power).toLocaleString('en') : `1e${power}`,
      left - 6, y(power));
  }
  context.textBaseline = 'top';
  for (const [n, align] of [[start, 'left'], [end, 'right']]) {
    context.textAlign = align;
    context.fillText(n, x(n), bottom + 5);
  }
  context.lineWidth = 1.5;
  context.beginPath();
  context.rect(left, 0, right - left, bottom);
  context.clip();
  ['content', 'style', 'total'].forEach((name, column) => {
    const key = canvas.parentElement.querySelector(`figcaption .${name}`);
    context.strokeStyle = getComputedStyle(key, '::before').backgroundColor;
    context.beginPath();
    losses.forEach((row, index) => {
      if (row[column] > 0) context.lineTo(x(start + index), y(Math.log10(row[column])));
    });
    context.stroke();
  });
}
