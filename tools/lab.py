"""JupyterLab and Chromium, driven by a program: for the browser tests and the moving pictures."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, Page, Playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
NO_CHROMIUM = "no Chromium: install one (Debian: apt-get install chromium), or set CHROMIUM to its path"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]

READY = """() => {
  const session = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session;
  return session?.kernel?.status === "idle" && session.kernel.connectionStatus === "connected";
}"""
CLEARED = """() => window.jupyterapp.shell.currentWidget.content.widgets.every(
  (cell) => cell.model.type !== "code" || cell.model.outputs.length === 0)"""
CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === "code")
  .map((cell) => ({
    count: cell.model.executionCount,
    outputs: cell.model.outputs.toJSON().map((o) => [o.output_type, o.ename, o.evalue].filter(Boolean).join(": ")),
  }))"""

SELECT_LAST = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = notebook.widgets.length - 1;
}"""
WRITE_CELL = """([number, text]) => {
  const { widgets } = window.jupyterapp.shell.currentWidget.content;
  widgets[number].model.sharedModel.setSource(text);
}"""
RESULT_OF_LAST = """() => {
  const { outputs } = window.jupyterapp.shell.currentWidget.content.activeCell.model;
  return outputs.toJSON()[0].data["text/plain"];
}"""
THEME_IS = """(kind) => (document.body.dataset.jpThemeLight === "true") === (kind === "Light")
  && !document.querySelector("#jupyterlab-splash")"""


def launch(play: Playwright) -> Browser:
    """A headless Chromium that is installed on this machine."""
    return play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


class Lab:
    """JupyterLab as `make lab` starts it, with a token, on loopback, with settings of its own, serving a folder."""

    def __init__(self, folder: Path, private: Path) -> None:
        self.folder, self.token = folder, secrets.token_hex(16)
        self.log = private / "log"
        options = {
            "--config": ROOT / "tools" / "jupyter_config.py",
            "--notebook-dir": folder,
            "--ip": "127.0.0.1",
            "--port": 0,
            "--IdentityProvider.token": self.token,
            "--LabApp.expose_app_in_browser": True,
        }
        command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root"]
        command += [f"{name}={value}" for name, value in options.items()]
        own = {f"JUPYTERLAB_{name}_DIR": str(private / name) for name in ("SETTINGS", "WORKSPACES")}
        with self.log.open("w") as log:
            environment = os.environ | own | {"JUPYTER_CONFIG_DIR": str(private / "config")}
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        self.address = self._wait()

    def stop(self) -> None:
        """With all its kernels."""
        self.process.terminate()
        self.process.wait(20)

    def _wait(self) -> str:
        for _ in range(240):
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", self.log.read_text()):
                return f"http://127.0.0.1:{found[1]}"
            time.sleep(0.25)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def url(self, name: str) -> str:
        """Of a notebook, in a workspace of its own, so that no other notebook is opened beside it."""
        return f"{self.address}/lab/workspaces/{Path(name).stem}/tree/{name}?reset&token={self.token}"

    def write(self, name: str, *cells: str) -> str:
        """A notebook with these code cells; without a kernelspec the Lab would ask for one."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / name)
        return name


class OpenNotebook:
    """A notebook in the Lab, in a page of its own."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []  # what the page wrote to the console as an error
        page.set_default_timeout(30_000)
        page.on("console", lambda m: m.type == "error" and self.complaints.append(f"{m.text} {m.location}"))
        page.on("pageerror", lambda error: self.complaints.append(error.stack or str(error)))
        page.goto(url)
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate("() => window.jupyterapp.restored.then(() => true)")
        page.wait_for_function(READY)

    def run_all(self) -> list[dict[str, Any]]:
        """Clear all outputs, run all cells; the state of the code cells when all have ended."""
        self.command("editmenu:clear-all")
        self.page.wait_for_function(CLEARED)
        self.command("notebook:run-all-cells")
        return self.page.evaluate(CELLS)

    def run_last(self) -> str:
        """Run the last cell once more; the text of its result."""
        self.page.evaluate(SELECT_LAST)
        self.command("notebook:run-cell")
        return self.page.evaluate(RESULT_OF_LAST)

    def write_cell(self, number: int, text: str) -> None:
        """Put another text into a cell, counted from 0."""
        self.page.evaluate(WRITE_CELL, [number, text])

    def restart_kernel(self) -> None:
        """Without the dialog that asks."""
        session = "window.jupyterapp.shell.currentWidget.sessionContext.session"
        self.page.evaluate(f"() => {session}.kernel.restart().then(() => true)")

    def change_theme(self, kind: str) -> None:
        """To "Light" or "Dark", until the Lab's splash screen is gone: two at once are an error of the Lab."""
        self.command("apputils:change-theme", theme=f"JupyterLab {kind}")
        self.page.wait_for_function(THEME_IS, arg=kind)

    def command(self, name: str, **arguments: Any) -> None:
        """One of the Lab's commands, to its end."""
        run = "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => true)"
        self.page.evaluate(run, [name, arguments])

    def close(self) -> None:
        """With the kernel."""
        self.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
        self.page.context.close()
