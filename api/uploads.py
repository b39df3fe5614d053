"""Files that people send: read up to a limit, never under the names they come with."""

from fastapi import UploadFile
from pydantic import ValidationError

from common.domain.programs import MAX_SOURCE
from common.errors import Invalid
from common.i18n import N_
from common.services.programs import ProgramInput

_PLACES = str.maketrans({"\\": "/"})


async def program_of(file: UploadFile, *, name: str = "", note: str = "", scope: str = "own") -> ProgramInput:
    """The program in a file; it is called `name`, else as the file is. Raises Invalid naming the field."""
    data = await file.read(MAX_SOURCE + 1)
    if len(data) > MAX_SOURCE:
        raise Invalid(N_("Must not be longer than {most} bytes."), field="file", most=f"{MAX_SOURCE:,}")
    try:
        source = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(N_("Must be a text in UTF-8."), field="file") from None
    called = name.strip() or (file.filename or "").translate(_PLACES).rpartition("/")[2]
    try:
        return ProgramInput.model_validate({"name": called, "source": source, "note": note, "scope": scope})
    except ValidationError as error:
        first = error.errors()[0]
        params = dict(first.get("ctx", {}))
        template = params.pop("template", None)
        params.pop("text", None)
        field = {"source": "file"}.get(str(first["loc"][0]), str(first["loc"][0]))
        raise Invalid(template or first["msg"], field=field, **(params if template else {})) from None
