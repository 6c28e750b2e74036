"""A person at the portal without a browser: keeps the cookies itself, sends forms as a browser does.

`httpx` sends no secure cookie over http, not even on loopback, where browsers do.
"""

import html
import re
from urllib.parse import urlsplit

import httpx

from tests.reference.portal import PASSWORD

ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"
Fields = dict[str, str | list[str]]


class Browser:
    """One browser with its cookies. It follows no redirect by itself."""

    def __init__(self, address: str, language: str = "en") -> None:
        self.address = address
        self.cookies: dict[str, str] = {}
        self.headers = {"Accept": ACCEPT, "Accept-Language": language}
        self._client = httpx.Client(base_url=address, timeout=60)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._kept(self._client.get(path, headers=self._told(headers)))

    def post(self, path: str, fields: Fields, **headers: str) -> httpx.Response:
        """Send fields as they are, from a page of this host; `Origin=""` sends none."""
        origin = {"Origin": self.address} | headers
        told = {name.replace("_", "-"): value for name, value in origin.items() if value}
        return self._kept(self._client.post(path, data=fields, headers=self._told(told)))

    def send(self, page: str, action: str, **fields: str | list[str]) -> httpx.Response:
        """Open a page and send its form of that action, with these fields; what the page had filled in stays."""
        return self.post(action, self.form(page, action) | fields)

    def form(self, page: str, action: str) -> Fields:
        """The hidden fields of a page's form."""
        answer = self.get(page)
        assert answer.status_code < 400, (page, answer.status_code)
        forms = re.findall(r"<form\b[^>]*>.*?</form>", answer.text, re.DOTALL)
        (found, *_) = [form for form in forms if f'action="{action}"' in form] or [""]
        assert found, f"no form for {action} on {page}"
        pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found)
        return {name: html.unescape(value) for name, value in pairs}

    def sign_in(self, name: str, password: str = PASSWORD, path: str = "/sign-in") -> httpx.Response:
        return self.send(path, "/sign-in", person=name, password=password)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """On where a redirect leads, which is a page here."""
        assert answer.status_code == 303, (answer.status_code, answer.text[:500])
        to = urlsplit(answer.headers["location"])
        assert not to.netloc, to
        return self.get(answer.headers["location"])

    def close(self) -> None:
        self._client.close()

    def _told(self, headers: dict[str, str]) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return self.headers | ({"Cookie": cookies} if cookies else {}) | headers

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip('"')
            if "max-age=0" in rest.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self._client.cookies.clear()
        return answer
