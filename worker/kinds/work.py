"""What the runner is given for one attempt, and what that is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.config import Settings
from common.queue.claims import Claim
from common.security.encryption import Keyring
from worker.variables import Injected


class Unready(Exception):
    """An attempt cannot start: something it uses is not there any more. The text says what, and never a secret."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an attempt may use: its variables, and what its spec refers to, by thing and id ("data_source", 5)."""

    variables: Injected
    things: Mapping[str, Mapping[int, Any]]
    keyring: Keyring
    settings: Settings

    def thing(self, name: str, thing_id: int, gone: str) -> Any:
        """Something that the spec refers to; raises Unready with `gone`."""
        found = self.things.get(name, {}).get(thing_id)
        if found is None:
            raise Unready(gone)
        return found


@dataclass(frozen=True, slots=True)
class Work:
    """One process. `env` is added to what every task finds; `stdin` is what it reads, from memory, and `input` a file
    that is opened for it; `secrets` and the values of the variables `masked` are kept out of its output; `folder` gives
    it one for its report and files."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    masked: Sequence[str] = ()
    stdin: str | None = None
    input: str | None = None
    secrets: Sequence[str] = ()
    folder: bool = False


def kind_spec(claim: Claim) -> Mapping[str, Any]:
    """What the task's kind was told."""
    found: Mapping[str, Any] = claim.spec.get("kind", {})
    return found
