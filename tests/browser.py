# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A page as a browser sees it: Chromium by PySide6-WebEngine, without a screen and in a process of its own.

    python tests/browser.py PAGE WIDTH light|dark

prints what was found as JSON. `look_at` does so from a test.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_TIMEOUT_MS = 120_000
_SETTLE_MS = 200  # until a new size is laid out
_LOOK = """
JSON.stringify({
  title: document.title,
  language: document.documentElement.lang,
  headings: [...document.querySelectorAll("h1, h2, h3")].map(h => h.tagName + " " + h.textContent),
  text: document.body.innerText,
  images: [...document.images].map(i => ({alt: i.alt, wide: i.naturalWidth, shown: i.getBoundingClientRect().width})),
  charts: [...document.querySelectorAll("svg")].map(s => s.getBoundingClientRect().height),
  scripts: document.scripts.length,
  innerWidth: window.innerWidth,
  scrollWidth: document.documentElement.scrollWidth,
  background: getComputedStyle(document.body).backgroundColor,
})
"""


def look_at(page: Path, width: int, scheme: str = "light") -> dict[str, Any]:
    """Open a page in a window so many pixels wide; skips the test where the browser is not installed.

    GENESIS_REQUIRE_BROWSER=1 makes a failure of that skip.

    Returns title, language, headings, text, images, charts, scripts, innerWidth, scrollWidth and background;
    console: what was said there; requests: addresses asked for beside the page itself.
    """
    if importlib.util.find_spec("PySide6") is None:
        reason = "needs a browser: pip install PySide6-WebEngine, or make test TEST_EXTRAS=browser"
        (pytest.fail if os.environ.get("GENESIS_REQUIRE_BROWSER") == "1" else pytest.skip)(reason)
    command = [sys.executable, __file__, str(page), str(width), scheme]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * _TIMEOUT_MS / 1000, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the browser ended with {done.returncode}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _main(page: Path, width: int, scheme: str) -> int:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QTWEBENGINE_DISABLE_SANDBOX"] = "1"  # it needs rights that containers do not give
    preferred = "0" if scheme == "dark" else "1"  # of Blink's PreferredColorScheme
    os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = f"--disable-gpu --blink-settings=preferredColorScheme={preferred}"
    import shiboken6
    from PySide6.QtCore import QTimer, QUrl
    from PySide6.QtWebEngineCore import (
        QWebEnginePage,
        QWebEngineProfile,
        QWebEngineSettings,
        QWebEngineUrlRequestInterceptor,
    )
    from PySide6.QtWebEngineWidgets import QWebEngineView
    from PySide6.QtWidgets import QApplication

    address = QUrl.fromLocalFile(str(page.resolve()))
    console: list[str] = []
    requests: list[str] = []

    class Interceptor(QWebEngineUrlRequestInterceptor):
        def interceptRequest(self, info: Any) -> None:
            if info.requestUrl() != address:
                requests.append(info.requestUrl().toString()[:200])
                info.block(info.requestUrl().scheme() != "data")

    class Page(QWebEnginePage):
        def javaScriptConsoleMessage(self, level: Any, message: str, line: int, source: str) -> None:
            console.append(f"{level.name}: {message} ({source}, line {line})")

    app = QApplication(["browser"])
    profile = QWebEngineProfile()  # without a name: nothing is kept on disk
    interceptor = Interceptor()
    profile.setUrlRequestInterceptor(interceptor)
    view = QWebEngineView()
    web_page = Page(profile, view)
    # A page on the web might ask for anything: what this one asks for must be seen, and is then refused.
    web_page.settings().setAttribute(QWebEngineSettings.WebAttribute.LocalContentCanAccessRemoteUrls, True)
    view.setPage(web_page)
    view.resize(width, 900)
    view.show()

    def loaded(well: bool) -> None:
        if not well:
            app.exit(3)
        QTimer.singleShot(_SETTLE_MS, lambda: web_page.runJavaScript(_LOOK, seen))

    def seen(found: str) -> None:
        print(json.dumps({**json.loads(found), "console": console, "requests": requests}))
        app.exit(0)

    view.loadFinished.connect(loaded)
    QTimer.singleShot(_TIMEOUT_MS, lambda: app.exit(5))
    view.load(address)
    code = app.exec()
    shiboken6.delete(view)  # and its page, before their profile
    return int(code)


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
