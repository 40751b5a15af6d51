"""No path of the machine in what the page answers, and no file of it."""

import tempfile

import pytest
from samples import ROOT
from served_page import status_of

from neural_style.web.choices import FAST

pytestmark = pytest.mark.slow


def test_answers_name_no_folder_of_the_machine(served, look):
    served.start()
    viewer = look(
        script="""
        window.answers = [];
        const { fetch } = window;
        window.fetch = async (...request) => {
            const answer = await fetch(...request);
            const index = window.answers.push('') - 1;
            const decoder = new TextDecoder();
            answer.clone().body?.pipeTo(new WritableStream({
                write(bytes) { window.answers[index] += decoder.decode(bytes, { stream: true }); },
            })).catch(() => {});  // which the page has ended
            return answer;
        };
    """
    )
    asked = []
    viewer.tab.on('request', lambda request: asked.append(request.url + (request.post_data or '')))
    viewer.choose_pictures(steps=5)
    viewer.choose_preset(FAST)
    viewer.tab.click('#ns-paint')
    viewer.wait_for_status('Finished')
    viewer.tab.wait_for_selector('#ns-job a[download]')
    texts = [*viewer.tab.evaluate('window.answers'), *asked, viewer.tab.content()]
    assert any('process_completed' in text and 'picture.jpg' in text for text in texts)
    for text in texts:
        assert f'{tempfile.gettempdir()}/' not in text and 'neural_style-web' not in text


def test_page_gives_no_file_and_names_no_folder_of_the_machine(served):
    served.start_program()
    secret = served.results / 'secret.txt'
    secret.write_text('secret')
    for path in ('/etc/passwd', secret, ROOT / 'setup.cfg', served.log):
        assert status_of(f'{served.url}gradio_api/file={path}')[0] == 403
    for path in ('job/x/state', 'job/..%2f..%2fsecret.txt/live.jpg', 'web/..%2fgate.py'):
        assert status_of(f'{served.url}{path}')[0] == 404
    for path in ('', 'config', 'gradio_api/info'):
        status, text = status_of(served.url + path)
        assert status == 200
        for folder in (ROOT, served.folder, tempfile.gettempdir()):
            assert str(folder) not in text
