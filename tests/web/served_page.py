"""The page in a process of its own, and a tab of a browser that looks at it."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from documented import free_port
from samples import DATA, ROOT

from neural_style.web.__main__ import main
from neural_style.web.choices import shown_presets

SCENE, STROKES = DATA / 'inputs' / 'scene.jpg', DATA / 'inputs' / 'strokes.jpg'
PATIENCE = 150  # seconds, on machines that do other things as well


class Page:
    """neural_style-web in a process of its own."""

    def __init__(self, folder, fork):
        self.folder = folder
        self.fork = fork
        self.results = folder / 'results'
        self.log = folder / 'err.txt'
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}/'
        self.process = None

    def start(self, *flags):
        """Start the page in a forked process."""
        self._start(self.fork, [main, self._words(flags)], streams=self.folder)

    def start_program(self, *flags):
        """Start the page as a shell does, which takes longer."""
        command = [sys.executable, '-m', 'neural_style.web', *self._words(flags)]
        with open(self.log, 'ab') as log:
            self._start(subprocess.Popen, command, stderr=log)

    def _words(self, flags):
        return ['-port', str(self.port), '-output_dir', str(self.results), *flags]

    def _start(self, process, command, **options):
        environment = os.environ | {'PYTHONPATH': str(ROOT)}
        self.process = process(command, cwd=self.folder, env=environment, **options)
        wait_until(lambda: self.log.exists() and 'the page is at' in self.log.read_text())

    def kill(self):
        """Kill the page, so that it can save nothing; painters live on."""
        self.process.kill()
        self.process.wait()
        self.log.unlink()

    def end(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE)


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def status_of(address):
    """Return the status of an answer, and its text."""
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status, answer.read().decode('utf-8', 'replace')
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ''


class Viewer:
    """A tab of the browser.  outside: addresses of other sites that it asked.

    shots: a folder for screenshots, or None.  script: run before those of the page.
    """

    def __init__(self, browser, url, shots, script='', **options):
        self.shots = shots
        self.context = browser.new_context(
            **{'viewport': {'width': 1400, 'height': 1000}, **options}
        )
        self.context.add_init_script(script)
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(PATIENCE * 1000)
        self.outside = []
        self.tab.on('request', self._note)
        self.tab.goto(url)

    def _note(self, request):
        if not re.match(r'http://127\.0\.0\.1:|data:|blob:', request.url):
            self.outside.append(request.url)

    def record(self):
        """Keep in mind what the stage shows from now on, however short."""
        self.tab.evaluate("""() => {
            const part = (name) => document.querySelector(`[data-part=${name}]`);
            window.shown = [];
            setInterval(() => {
                const picture = part('after').hidden ? '' : part('after').src;
                window.shown.push(`${part('status').textContent} ${picture}`);
            }, 20);
        }""")

    def has_shown(self, pattern):
        """Tell whether status and address of the picture have matched since record()."""
        return any(re.search(pattern, shown) for shown in self.tab.evaluate('window.shown'))

    def shot(self, name):
        if self.shots is not None:
            self.tab.screenshot(path=self.shots / f'{name}.png')

    def status(self):
        return self.tab.inner_text('[data-part=status]')

    def wait_for_status(self, pattern):
        wait_until(lambda: re.search(pattern, self.status()))

    def set(self, control, value):
        """Type the value of a slider."""
        number = self.tab.locator(f'#ns-{control} input[type=number]')
        number.fill(str(value))
        number.press('Tab')

    def drop(self, target, path, media_type='image/jpeg'):
        """Drop a file, as from a folder of the desktop."""
        script = """([bytes, name, type]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
            return transfer;
        }"""
        transfer = self.tab.evaluate_handle(
            script, [list(Path(path).read_bytes()), path.name, media_type]
        )
        button = self.tab.locator(f'#ns-{target} button:has(input[type=file])')
        button.dispatch_event('drop', {'dataTransfer': transfer})
        self.tab.wait_for_selector(f'#ns-{target} img')

    def choose_preset(self, name):
        index = shown_presets().index(name)
        self.tab.locator('#ns-presets .thumbnail-item').nth(index).click()

    def choose_pictures(self, steps):
        """Drop two pictures, and set size and steps."""
        self.tab.wait_for_selector('#ns-paint')
        self.drop('content', SCENE)
        self.drop('style', STROKES)
        self.set('size', 96)
        self.set('steps', steps)
