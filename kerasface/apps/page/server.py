"""The page as a Gradio app that asks nobody but this machine, and answers nobody else."""

from __future__ import annotations

import ipaddress
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kerasface.apps.page.body_limit import BodyLimit
from kerasface.apps.page.markup import STYLE, limits_html
from kerasface.apps.page.photo import read_photo
from kerasface.data.decode import MAX_BYTES
from kerasface.inference.crop_reading import ON_REQUEST

if TYPE_CHECKING:
    from kerasface.apps.face_analyzer import FaceAnalyzer

HOST = "127.0.0.1"
TITLE = "kerasface"
INTRODUCTION = (
    "# kerasface\nDrop a photo. It is read on this machine and sent nowhere else. "
    "An expression is not a feeling; gender and race are how annotators sorted strangers by their "
    "looks, not facts about anybody."
)
THRESHOLD = 0.6  # of two classes the likelier one is often little more than a guess
MOST_WAITING = 32  # photos that wait for their turn; one is read at a time
FORM_BYTES = 200_000  # of a request beside the photo
# Seconds between clearings of what was sent, and its age then.
CLEAR_EVERY, KEEP = 60, 600


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server of that name."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def serve(
    analyzer: FaceAnalyzer, host: str = HOST, port: int | None = None, most_bytes: int = MAX_BYTES
) -> Iterator[str]:
    """Serves the page while the block runs.

    What is sent lies in a folder that only this user can read, and is gone after ten minutes or
    with the block. Gradio's own reports to its makers are off, and so are its sharing, its API
    page, its monitor and its history. A request for another host's name is refused, so that no
    web page can reach this one under a name of its own.

    Args:
        analyzer: of all tasks of its model.
        host: name or IPv4 address to listen on; default this machine alone.
        port: default the first free one from 7860 on.
        most_bytes: of a photo.

    Yields:
        The page's address.

    Raises:
        ImportError: Gradio is not installed; one line that names the extra.
        OSError: the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="kerasface-page-") as folder, _settings(folder, host):
        gradio = _gradio()
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        names = [host, HOST, "localhost"] if is_loopback(host) else ["*"]
        page = build_page(analyzer)
        _, url, _ = page.queue(max_size=MOST_WAITING, api_open=False).launch(
            server_name=host,
            server_port=port,
            share=False,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            max_file_size=most_bytes,
            allowed_paths=[],
            root_path="",
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            theme=gradio.themes.Default(),
            css=STYLE,
            app_kwargs={
                "middleware": [
                    Middleware(TrustedHostMiddleware, allowed_hosts=names),
                    Middleware(BodyLimit, most=most_bytes + FORM_BYTES),
                ]
            },
        )
        try:
            yield url
        finally:
            page.close(verbose=False)


def build_page(analyzer: FaceAnalyzer) -> Any:
    """The page, a `gradio.Blocks` that is not served yet."""
    gradio = _gradio()
    asks = any(task.name.startswith(ON_REQUEST) for task in analyzer.tasks)

    def read(content, race, threshold):
        return read_photo(analyzer, content, bool(race), min(max(float(threshold), 0.0), 1.0))

    with gradio.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(CLEAR_EVERY, KEEP)
    ) as page:
        gradio.Markdown(INTRODUCTION)
        with gradio.Row():
            with gradio.Column():
                # A file and no `gradio.Image`, which would decode what comes before we judge it.
                photo = gradio.File(
                    label="Photo", file_types=["image"], type="binary", elem_id="photo"
                )
                threshold = gradio.Slider(
                    0.0,
                    1.0,
                    value=THRESHOLD,
                    step=0.05,
                    label="Say 'not sure' below this confidence",
                    elem_id="threshold",
                )
                race = gradio.Checkbox(
                    False, label="Also guess groups of race", visible=asks, elem_id="race"
                )
            with gradio.Column():
                drawn = gradio.Image(
                    label="Faces",
                    interactive=False,
                    type="pil",
                    format="png",
                    buttons=["download", "fullscreen"],  # and none that shares
                    elem_id="drawn",
                )
        answers = gradio.HTML(elem_id="answers")
        with gradio.Accordion("What this model cannot do, and what it learnt from"):
            gradio.HTML(limits_html(getattr(analyzer.model, "manifest", None)), elem_id="limits")
        for given in (photo, threshold, race):
            given.async_move_resource_to_block_cache = _uploaded_only(given)
        gradio.on(
            [photo.change, threshold.release, race.change],
            read,
            [photo, race, threshold],
            [drawn, answers],
            concurrency_limit=1,
            trigger_mode="always_last",
            api_visibility="private",
        )
    return page


def _uploaded_only(component: Any) -> Callable[[Any], Awaitable[str | None]]:
    """How a component takes in files, without addresses: Gradio would fetch those it is given."""
    take = component.async_move_resource_to_block_cache

    async def take_upload(path: Any) -> str | None:
        if "://" in str(path or ""):
            raise ValueError(f"photos are uploaded and not fetched. Received: {str(path)[:80]!r}")
        return await take(path)

    return take_upload


def _gradio() -> Any:
    try:
        import gradio
    except ImportError as error:
        raise ImportError(
            f"the page needs Gradio: pip install 'kerasface[demo]' ({error})"
        ) from None
    return gradio


@contextmanager
def _settings(folder: str, host: str) -> Iterator[None]:
    """What Gradio reads from the environment, some of it when it is first imported."""
    unproxied = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    # Gradio asks its own server whether it is up, which no proxy could tell.
    beside = ",".join(filter(None, (unproxied, HOST, "localhost", host)))
    settings = {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_TEMP_DIR": folder,
        "NO_PROXY": beside,
        "no_proxy": beside,
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
