"""A person at the portal without a browser: keeps the cookies itself, sends forms as a browser does.

`httpx` sends no secure cookie over http, not even on loopback, where browsers do.
"""

from html.parser import HTMLParser
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

    def post(self, path: str, fields: Fields, method: str = "POST", **headers: str) -> httpx.Response:
        """Send fields as they are, from a page of this host; `Origin=""` sends none."""
        origin = {"Origin": self.address} | headers
        told = {name.replace("_", "-"): value for name, value in origin.items() if value}
        return self._kept(self._client.request(method, path, data=fields, headers=self._told(told)))

    def send(self, page: str, action: str, **fields: str | list[str]) -> httpx.Response:
        """Open a page and send its form of that action, with these fields; what the page had filled in stays."""
        return self.post(action, self.form(page, action) | fields)

    def form(self, page: str, action: str) -> Fields:
        """What a browser would send of a page's form that nobody has filled in."""
        answer = self.get(page)
        assert answer.status_code < 400, (page, answer.status_code)
        found = FormReader(action)
        found.feed(answer.text)
        assert found.is_there, f"no form for {action} on {page}"
        return found.fields

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


class FormReader(HTMLParser):
    """The fields of the first form that leads to an address, or has a button that does: texts, what is hidden, ticked,
    chosen."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.fields: Fields = {}
        self.is_there = False
        self._action, self._is_inside, self._leads_there, self._text, self._select = action, False, False, "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name = told.get("name") or ""
        if self.is_there:
            return
        if tag == "form":
            self._is_inside, self._leads_there, self.fields = True, told.get("action") == self._action, {}
        elif tag == "button" and told.get("formaction") == self._action:
            self._leads_there = True
        elif tag == "textarea":
            self._text, self.fields[name] = name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and (self._select not in self.fields or "selected" in told):
            self.fields[self._select] = told.get("value") or ""
        elif tag == "input" and name and (told.get("type") not in ("checkbox", "radio") or "checked" in told):
            value, before = told.get("value") or "", self.fields.get(name)
            several = before if isinstance(before, list) else [] if before is None else [before]
            self.fields[name] = [*several, value] if several else value

    def handle_data(self, data: str) -> None:
        if self._text and not self.is_there:
            self.fields[self._text] = f"{self.fields[self._text]}{data}"

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.is_there = self.is_there or (self._is_inside and self._leads_there)
            self._is_inside = False
        elif tag == "textarea":
            self._text = ""
        elif tag == "select":
            self._select = ""
