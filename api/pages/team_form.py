"""The form of a team as text, and the input it means."""

import re
from dataclasses import dataclass

from common.services.teams import TeamInput


@dataclass(frozen=True)
class TeamForm:
    """A name, and a user name a line."""

    name: str = ""
    members: str = ""


def checked(form: TeamForm) -> TeamInput:
    """What the form means; raises ValidationError."""
    names = [each for each in re.split(r"[\s,，;；、]+", form.members) if each]
    return TeamInput.model_validate({"name": form.name, "members": names})
