"""The server: the page, what it asks for while a picture is painted, and the gate before both."""

import importlib.resources
import os
import re
import socket
import tempfile
from pathlib import Path
from typing import Any

from neural_style.command.arguments import Arguments
from neural_style.command.local_pages import port_problem, ssh_remark
from neural_style.command.preview_server import TEMPLATES as PREVIEW_TEMPLATES
from neural_style.command.terminal import warn
from neural_style.web import job as jobs
from neural_style.web.flags import PROGRAM, is_local
from neural_style.web.gate import Gate
from neural_style.web.hidden_folder import HiddenFolder
from neural_style.web.job import BEFORE, LIVE, PICTURE, SKETCH, VIDEO, Job, without_folders
from neural_style.web.live import Cameras, RefusedError
from neural_style.web.queue import PaintingQueue

TEMPLATES = importlib.resources.files('neural_style.web') / 'templates'
SCRIPTS = {'stage.js': TEMPLATES, 'live.js': TEMPLATES, 'losses.js': PREVIEW_TEMPLATES}
PICTURES = {
    **dict.fromkeys((LIVE, BEFORE, SKETCH), 'image/jpeg'),
    PICTURE: 'image/png',
    VIDEO: 'video/mp4',
}
QUIET = {'GRADIO_ANALYTICS_ENABLED': 'False', 'HF_HUB_OFFLINE': '1', 'GRADIO_SSR_MODE': 'False'}
EVENTS = 64  # of the page that may wait; each takes a moment, painting is not among them


def serve(arguments: Arguments) -> None:
    """Serve the page until Ctrl-C.  Raises ValueError where Gradio is missing."""
    os.environ.update(QUIET)
    with tempfile.TemporaryDirectory(prefix=f'{PROGRAM}-') as folder:
        folder = os.path.realpath(folder)
        os.environ['GRADIO_TEMP_DIR'] = folder  # nobody else's pictures are there
        uvicorn = import_gradio()
        results = Path(arguments.output_dir)
        results.mkdir(parents=True, exist_ok=True, mode=0o700)
        queue = PaintingQueue(results, int(arguments.queue))
        cameras = Cameras(int(arguments.max_cameras), int(arguments.max_image_size))
        host, port = str(arguments.host).strip('[]'), int(arguments.port)
        with open_socket(host, port) as listening:
            app = make_app(arguments, queue, cameras, folder)
            config = uvicorn.Config(
                app, log_level='error', ws='none', server_header=False, timeout_graceful_shutdown=1
            )
            warn(address_remark(host, port), PROGRAM)
            warn(f'results are kept in {results}', PROGRAM)
            queue.open()
            try:
                uvicorn.Server(config).run([listening])
            finally:
                cameras.close()
                queue.close()


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on an address.  Raises ValueError."""
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
        # Or the body of an answer waits 40 ms until its head is acknowledged; asyncio sets it for
        # sockets of its own alone.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except OSError as error:
        raise ValueError(f'-port {port}: {port_problem(port, error)}') from error


def import_gradio() -> Any:
    """Import Gradio and its server; return the server.  Raises ValueError."""
    try:
        import gradio  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise ValueError(
            f"the page needs Gradio: pip install 'neural-style-caffe[web]' ({error})"
        ) from error
    return uvicorn


def address_remark(host: str, port: int) -> str:
    """Say where the page is."""
    name = f'[{host}]' if ':' in host else host
    if host in ('0.0.0.0', '::'):
        name = 'ADDRESS-OF-THIS-MACHINE'
    return f'the page is at http://{name}:{port}/' + (ssh_remark(port) if is_local(host) else '')


def make_app(arguments: Arguments, queue: PaintingQueue, cameras: Cameras, folder: str) -> Gate:
    """Return the whole application, with the gate around it.  folder: of the page's files."""
    import fastapi
    import gradio

    from neural_style.web.page import build_page, looks

    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, queue)
    add_live_routes(app, cameras)
    max_bytes = int(arguments.max_upload) << 20
    gradio.mount_gradio_app(
        app,
        build_page(arguments, queue, cameras),
        path='/',
        max_file_size=max_bytes,
        show_error=False,
        footer_links=[],
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        **looks(),
    )
    hidden = HiddenFolder(app, folder)
    return Gate(hidden, str(arguments.auth), is_local(str(arguments.host)), max_bytes)


def add_routes(app: Any, queue: PaintingQueue) -> None:
    """Add what the script of the page asks for."""
    from fastapi.responses import FileResponse, JSONResponse, Response

    @app.get('/web/{name}')
    def file(name: str) -> Any:
        if name not in SCRIPTS:
            return Response(status_code=404)
        content = (SCRIPTS[name] / name).read_bytes()
        return Response(content, media_type='text/javascript')

    @app.get('/job/{name}/state')
    def state(name: str) -> Any:
        job = jobs.find(queue.results, name)
        return Response(status_code=404) if job is None else JSONResponse(view(job, queue))

    @app.get('/job/{name}/{picture}')
    def picture(name: str, picture: str, download: str = '') -> Any:
        job = jobs.find(queue.results, name)
        if job is None or picture not in PICTURES or not job.has(picture):
            return Response(status_code=404)
        stem = re.sub(r'[^\w-]+', '_', job.read()['title']) or 'picture'
        return FileResponse(
            job.file(picture),
            media_type=PICTURES[picture],
            filename=f'{stem}{Path(picture).suffix}' if download else None,
            headers={'cache-control': 'no-cache'},
        )


def add_live_routes(app: Any, cameras: Cameras) -> None:
    """Add what the script of the camera asks for."""
    from fastapi import Request, Response

    @app.post('/live/{camera}/frame')
    async def frame(camera: str, request: Request) -> Response:
        try:
            painted = await cameras.paint(camera, request.query_params, await request.body())
        except RefusedError as error:
            return Response(without_folders(str(error)), error.status, media_type='text/plain')
        return Response(painted, media_type='image/jpeg', headers={'cache-control': 'no-store'})

    @app.post('/live/{camera}/end')
    async def end(camera: str) -> Response:
        cameras.leave(camera)
        return Response(status_code=204)


def view(job: Job, queue: PaintingQueue) -> dict[str, Any]:
    """Return what the page shows of a job, for JSON."""
    content, progress = job.read(), job.progress()
    shown = ('evaluation', 'evaluations', 'scale', 'scales', 'size', 'elapsed', 'left', 'losses')
    return {
        'state': content['state'],
        'request': job.request() if content['state'] == 'painting' else '',
        'message': content.get('message', ''),
        'title': content['title'],
        'position': queue.position(job),
        'has_before': job.has(BEFORE),
        'has_sketch': job.has(SKETCH),
        'has_picture': job.has(job.result),
        'is_video': job.is_video,
        'picture': progress.get('picture') if job.has(LIVE) else None,
        **{name: progress.get(name) for name in shown},
    }
