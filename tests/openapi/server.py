"""A real server on a free port, with people in it, for as long as the tests run."""

import json
import os
import subprocess
import tempfile
import urllib.request
from pathlib import Path

PASSWORD = "correct horse battery"
HANDLE = "ada"
# The tests are about the document, not about the patience of the server.
GENEROUS = {
    "FIL_PASSWORD_MEMORY_KIB": "19456",
    "FIL_PASSWORD_ITERATIONS": "2",
    "FIL_LIMITS_SIGN_IN_PER_MINUTE": "1000000",
    "FIL_LIMITS_SIGN_IN_BURST": "1000000",
    "FIL_LIMITS_REQUESTS_PER_SECOND": "1000000",
    "FIL_LIMITS_REQUESTS_BURST": "1000000",
}


def program():
    """The server under test: the one named by FIL_SERVER_BIN, else the debug build."""
    return os.environ.get("FIL_SERVER_BIN") or str(Path(__file__).parents[2] / "target/debug/fil-server")


class Server:
    """Started by entering, stopped by leaving; leaving fails if the server did not end well."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.data = str(Path(self._folder.name) / "data")
        self.command("organisation", "create", "demo")
        for handle in (HANDLE, "ben"):
            self.command("account", "create", handle, "--password-stdin", text=PASSWORD)
        self._log = open(Path(self._folder.name) / "log", "w+", encoding="utf-8")
        arguments = [program(), "serve", "--data", self.data, "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(
            arguments, env=os.environ | GENEROUS, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        line = self._process.stdout.readline().strip()
        assert line.startswith("listening on "), line
        self.url = line.removeprefix("listening on ")
        return self

    def __exit__(self, *_):
        self._process.terminate()
        code = self._process.wait(timeout=60)
        self._log.seek(0)
        log = self._log.read()
        self._log.close()
        self._folder.cleanup()
        assert code == 0, f"the server ended with {code}:\n{log}"
        assert "ERROR" not in log and "panicked" not in log, log

    def command(self, *arguments, text=""):
        """Runs an administrative command beside the server."""
        subprocess.run(
            [program(), "--data", self.data, *arguments],
            env=os.environ | GENEROUS, input=text, text=True, check=True, stdout=subprocess.DEVNULL,
        )

    def post(self, path, body, token=""):
        """A request, answered with JSON."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def sign_in(self, handle=HANDLE):
        """A new device of an account; its session."""
        body = {"handle": handle, "password": PASSWORD, "device_name": "schemathesis"}
        return self.post("/api/v1/sessions", body)

    def invite(self):
        """The secret of an invite that nobody has used."""
        done = subprocess.run(
            [program(), "--data", self.data, "account", "invite", "guest", "--json"],
            env=os.environ | GENEROUS, check=True, capture_output=True, text=True,
        )
        return json.loads(done.stdout)["invite"].split("#")[1]
