"""Settings: `ROTA_*` variables over `config.yaml` in the data folder; built once in each `main` and passed down."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from common.domain.permissions import ROLES
from common.errors import ConfigurationError
from common.i18n import N_

PREFIX = "ROTA_"


class Settings(BaseSettings):
    """Everything Rota can be told from outside. Times are in seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(Path("data"), description=N_("Folder for the embedded database, keys, spools and logs."))
    host: str = Field("127.0.0.1", description=N_("Address the web server listens on."))
    port: int = Field(8000, ge=0, le=65535, description=N_("Port the web server listens on."))
    database_url: SecretStr | None = Field(
        None, description=N_("SQLAlchemy URL; without it an embedded SQLite file in the data folder.")
    )
    sqlite_synchronous: Literal["FULL", "NORMAL"] = Field(
        "FULL", description=N_("SQLite only: FULL loses nothing at a power cut, NORMAL is faster.")
    )
    admin_password: SecretStr | None = Field(
        None,
        description=N_("Creates the user `admin` at the first start; without it a one-time set-up link is printed."),
    )
    secret_key: SecretStr | None = Field(
        None,
        description=N_("Key that signs tokens, 32 characters at least; without it one is made in the data folder."),
    )
    encryption_keys: SecretStr | None = Field(
        None,
        description=N_(
            "Keys that encrypt secrets in the database, with commas, the current one first; without them one is"
            " made in the data folder."
        ),
    )
    registration: bool = Field(False, description=N_("Whether anybody may register an account (as a viewer)."))
    access_token_minutes: int = Field(15, ge=1, le=1440, description=N_("Life of an API access token."))
    session_days: int = Field(7, ge=1, le=365, description=N_("Life of a browser session or refresh token."))
    totp_required: Annotated[list[Literal["viewer", "operator", "administrator"]], NoDecode] = Field(
        default_factory=list, description=N_("Roles that must have a second factor to sign in with a password.")
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        description=N_("Where people reach Rota, for links that it gives; by default what the request says."),
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description=N_("Addresses whose X-Forwarded-For and -Proto are believed.")
    )
    allowed_networks: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description=N_("Networks and hosts that calls on somebody's behalf may reach besides public addresses."),
    )
    oidc_client_id: str = Field("", description=N_("What the provider calls this Rota."))
    oidc_client_secret: SecretStr | None = Field(
        None,
        description=N_("Proves to the provider that it is Rota; without it the client is a public one (PKCE alone)."),
    )
    oidc_name: str = Field("", max_length=40, description=N_("What people call the provider, for the button."))
    oidc_scopes: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["openid", "profile", "email"], description=N_("Scopes that are asked for.")
    )
    oidc_domains: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description=N_("Domains of verified e-mail addresses that may sign in; empty = all.")
    )
    oidc_groups_claim: str = Field("groups", min_length=1, description=N_("Where the provider says somebody's groups."))
    oidc_roles: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description=N_("`group=role`: members of no group here may not sign in; empty = all may.")
    )
    oidc_registration: bool = Field(
        False, description=N_("Whether somebody without an account gets one at their first sign-in.")
    )
    oidc_issuer: str = Field(
        "",
        pattern=r"^((https://[^\s/?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^\s?#]*)?)?$",
        description=N_("The OpenID Connect provider that people may sign in with (needs the extra `oidc`)."),
    )
    data_source_networks: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description=N_("The only networks and hosts in which data sources may be; without it all but link-local ones."),
    )
    sqlite_folders: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description=N_(
            "Folders in which SQLite files of data sources may lie; without it `databases` in the data folder."
        ),
    )
    import_folders: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description=N_("Folders on workers from which imports may read files; without it none.")
    )
    upload_limit: int = Field(200_000_000, ge=1, description=N_("Bytes of a file that somebody uploads."))
    queues: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["default"], description=N_("Queues this worker serves.")
    )
    slots: int = Field(16, ge=1, le=1000, description=N_("Executions this worker runs at the same time."))
    worker_name: str = Field(
        "", pattern=r"^[A-Za-z0-9_.-]{0,64}$", description=N_("Name of this worker; by default the host's.")
    )
    lease: float = Field(60.0, ge=1, description=N_("How long a worker may be silent before its executions are taken."))
    heartbeat: float = Field(10.0, ge=0.1, description=N_("How often a worker renews its leases."))
    drain_timeout: float = Field(
        30.0, ge=0, description=N_("How long a stopping worker waits for what runs before it ends it.")
    )
    run_as: str = Field(
        "",
        pattern=r"^([A-Za-z_][A-Za-z0-9_.-]{0,31})?$",
        description=N_("User as whom tasks run that name none; needs a worker that is root."),
    )
    new_privileges: bool = Field(
        False,
        description=N_("Whether a task may gain rights its user does not have, as sudo and setuid programs give."),
    )
    interpreters: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description=N_("Pythons that programs may ask for by name, as name=path with commas."),
    )
    uv: str = Field(
        "", description=N_("The program uv, for programs that say what they need; by default that of PATH.")
    )
    cgroup: str = Field(
        "auto",
        pattern=r"^(auto|off|/.*)$",
        description=N_("Where tasks with limits get cgroups (v2): auto = where some are delegated, off, or a folder."),
    )
    output_limit: int = Field(
        1024 * 1024,
        ge=4096,
        le=64 * 1024 * 1024,
        description=N_("Bytes kept of each output stream (first and last half)."),
    )
    artifact_store: str = Field(
        "",
        pattern=r"^(/.*|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?)?$",
        description=N_(
            "Where files of executions are kept: a folder, or `s3://bucket/prefix`; by default `artifacts` in"
            " the data folder."
        ),
    )
    artifact_days: int = Field(
        30, ge=1, le=36_500, description=N_("Days for which files are kept of tasks that do not say how long.")
    )
    artifact_limit: int = Field(
        2 * 1024**3, ge=1024, description=N_("Bytes of files that are kept of one execution; larger ones are left out.")
    )
    link_days: int = Field(
        30, ge=1, le=3650, description=N_("Most days for which a link may give out a file without a sign-in.")
    )
    s3_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#]+)?$",
        description=N_("Address of the S3 service where it is not Amazon's, for example `https://minio.example.com`."),
    )
    s3_region: str = Field("", pattern=r"^[a-z0-9-]*$", description=N_("Region of the bucket."))
    s3_access_key: str = Field("", description=N_("Access key; by default whatever boto3 finds."))
    s3_secret_key: SecretStr | None = Field(None, description=N_("Its secret."))
    max_history: int = Field(10_000, ge=1, description=N_("Executions kept for a task that sets no limit of its own."))
    retention_days: int = Field(90, ge=1, description=N_("Age at which finished executions are deleted."))
    audit_days: int = Field(365, ge=1, le=36_500, description=N_("Days that the audit log goes back."))
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description=N_("Least level that is logged.")
    )
    log_format: Literal["text", "json"] = Field(
        "text", description=N_("One line of text, or one JSON object, an event.")
    )

    @field_validator(
        "queues",
        "trusted_proxies",
        "totp_required",
        "allowed_networks",
        "oidc_scopes",
        "oidc_domains",
        "oidc_roles",
        "data_source_networks",
        "sqlite_folders",
        "import_folders",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        """Take `a,b` from the environment as well as a YAML list."""
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("oidc_roles")
    @classmethod
    def _known_roles(cls, value: list[str]) -> list[str]:
        for each in value:
            group, equals, role = each.rpartition("=")
            if not (group.strip() and equals and role.strip() in ROLES):
                raise ValueError(f"each must be group=role, with a role of {', '.join(ROLES)}")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _complete(cls, value: str, info: ValidationInfo) -> str:
        if value and not (info.data.get("oidc_client_id") and info.data.get("public_url")):
            raise ValueError("needs ROTA_OIDC_CLIENT_ID, and ROTA_PUBLIC_URL for the way back")
        if value and "openid" not in info.data.get("oidc_scopes", ()):
            raise ValueError("ROTA_OIDC_SCOPES must have openid among them")
        return value

    @field_validator("interpreters", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        """Take `name=path,name=path` from the environment as well as a YAML mapping."""
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if not all(name.strip() and path.strip() for name, _, path in pairs):
            raise ValueError("must be name=path, several with commas")
        return {name.strip(): path.strip() for name, _, path in pairs}

    @field_validator("interpreters")
    @classmethod
    def _usable(cls, value: dict[str, str]) -> dict[str, str]:
        for name, path in value.items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name) or name == "uv":
                raise ValueError(f"{name!r} cannot be the name of an interpreter")
            if not path.startswith("/"):
                raise ValueError(f"the path of {name!r} must be absolute")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("must have 32 characters at least; leave it out and Rota makes one")
        return value

    @property
    def url(self) -> str:
        """The database URL, password included: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'rota.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=_config_file())


def _config_file() -> Path:
    explicit = os.environ.get("ROTA_CONFIG")
    return Path(explicit) if explicit else Path(os.environ.get("ROTA_DATA_DIR", "data")) / "config.yaml"


def load(**overrides: object) -> Settings:
    """Read the settings; `overrides` (from the command line) win where they are not None.

    Raises ConfigurationError that names each bad setting, never its value (it may be a secret).
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{'.'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors()
        )
        raise ConfigurationError(f"{problems}. (environment, or {_config_file()})") from None


#: Used by the command line and by scripts, or given to tasks.
_NOT_SETTINGS = {
    "ROTA_CONFIG",
    "ROTA_URL",
    "ROTA_TOKEN",
    "ROTA_ALLOW_SKIP",
    "ROTA_DATA_SOURCE_PASSWORD",
    "ROTA_SUPERVISOR_FD",
    "ROTA_COOKIE",
    "ROTA_EXECUTION_ID",
    "ROTA_TASK_ID",
    "ROTA_TASK_NAME",
    "ROTA_ATTEMPT",
    "ROTA_SCHEDULED_FOR",
    "ROTA_TRIGGER",
    "ROTA_RUN_ID",
    "ROTA_ARTIFACTS",
    "ROTA_REPORT",
}


def unknown_variables() -> list[str]:
    """Names in the environment that look like settings of ours but are none: typing errors, most likely."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | _NOT_SETTINGS
    ours = (name for name in os.environ if name.startswith(PREFIX) and not name.startswith("ROTA_TEST_"))
    return sorted(name for name in ours if name not in known)
