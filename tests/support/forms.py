"""The forms of a page as a browser without JavaScript would send them: what is typed, chosen and ticked already."""

from html.parser import HTMLParser


class _Form(HTMLParser):
    """Collects the fields of the form with one id."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self._id = form_id
        self._inside = False
        self._select: str | None = None
        self._area: str | None = None
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = about.get("id") == self._id
        if not self._inside:
            return
        name, value = about.get("name", ""), about.get("value", "")
        if tag == "input" and name and (about.get("type") not in ("checkbox", "radio") or "checked" in about):
            self.fields[name] = value or ("on" if about.get("type") == "checkbox" else "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in about or self._select not in self.fields):
            self.fields[self._select] = value
        elif tag == "textarea":
            self._area = name
            self.fields[name] = ""

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None


def fields(page: str, form_id: str) -> dict[str, str]:
    """What the form of this id would send, by name; of fields that have one name the last."""
    form = _Form(form_id)
    form.feed(page)
    assert form.fields, f"no form {form_id}"
    return form.fields
